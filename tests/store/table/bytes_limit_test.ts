/** Stores at their limit of bytes, with expired sessions. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { FileStore, MemoryStore, type SessionStore, StoreError } from "../../../store/mod.ts";
import { all, forEver, put, record, tempFolder } from "../../support/store/stores.ts";

const LIMIT = 60_000;

/** A store that is opened with a test's clock. */
interface Opened {
  readonly clock: { now: number };
  readonly path: string;
  open(): Promise<SessionStore>;
}

function test(name: string, run: (opened: Opened) => Promise<void>): void {
  for (const kind of ["MemoryStore", "FileStore"]) {
    Deno.test(`${kind}: ${name}`, async () => {
      await using folder = await tempFolder();
      const clock = { now: 1 };
      const path = `${folder.path}/sessions.jsonl`;
      const options = { namespace: "test", now: () => clock.now, limits: { bytes: LIMIT } };
      const open = () =>
        kind === "FileStore"
          ? FileStore.open(path, options)
          : Promise.resolve(new MemoryStore(options));
      await run({ clock, path, open });
    });
  }
}

/** Creates sessions that expire at `expiresAt`, each with a state of `bytes`. */
async function fill(store: SessionStore, count: number, expiresAt: number, bytes = 0) {
  await Promise.all(Array.from({ length: count }, async (_, i) => {
    const id = `${expiresAt}-${i}`;
    await store.create(record(id, { stateId: id.padStart(20, "0"), expiresAt }));
    if (bytes > 0) await put(store, id, ["k", "x".repeat(bytes - 3)]);
  }));
}

/** Whether a write of `bytes` to a session is refused as `full`. */
async function isRefused(store: SessionStore, id: string, bytes: number): Promise<boolean> {
  try {
    await put(store, id, ["k", "x".repeat(bytes - 3)]);
    return false;
  } catch (error) {
    assertInstanceOf(error, StoreError);
    assertEquals(error.code, "full");
    return true;
  }
}

test("finds room after any number of expired sessions without a state", async ({ clock, open }) => {
  await using store = await open();
  await fill(store, 2_000, 10);
  await fill(store, 2, 20, 30_000);
  await store.create(record("live", forEver));
  assertEquals(await isRefused(store, "live", 5_000), true);
  clock.now = 30;
  assertEquals(await isRefused(store, "live", 5_000), false);
  assertEquals(await isRefused(store, "live", LIMIT), false);
  assertEquals((await all(store, "live"))?.length, 1);
});

test("expired sessions refuse no write, however many they are", async ({ clock, open }) => {
  await using store = await open();
  await fill(store, 12_000, 10, 4);
  await fill(store, 12_000, 15);
  await store.create(record("live", forEver));
  assertEquals(await isRefused(store, "live", 20_000), true);
  clock.now = 30;
  assertEquals(await isRefused(store, "live", LIMIT), false);
});

test("fork() evicts an expired session", async ({ clock, open, path }) => {
  await using store = await open();
  await fill(store, 3, 10, 15_000);
  await store.create(record("live", forEver));
  await isRefused(store, "live", 15_000);
  clock.now = 30;
  // With so few sessions, the sweep of the create would purge the same ones.
  await store.fork("live", record("fork", forEver));
  assertEquals(await isRefused(store, "fork", 45_001), true);
  assertEquals(await isRefused(store, "fork", 45_000), false);
  if (!(store instanceof FileStore)) return;
  await using again = await FileStore.open(path, { namespace: "test", limits: { bytes: LIMIT } });
  assertEquals(await all(again, "fork"), await all(store, "fork"));
  assertEquals(await isRefused(again, "live", 15_001), true);
});

Deno.test("FileStore: a refused write drops expired sessions once, and for good", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const clock = { now: 1 };
  const open = () =>
    FileStore.open(path, { namespace: "test", now: () => clock.now, limits: { bytes: LIMIT } });
  await using store = await open();
  await using other = await open();
  await store.create(record("live", forEver));
  await isRefused(store, "live", LIMIT - 10_000);
  await fill(store, 3, 10, 3_000);
  clock.now = 30;
  // Sync marks come at any time.
  const count = async () =>
    (await Deno.readTextFile(path)).split("\n").filter((line) => !line.includes('["",')).length;
  const before = await count();
  const more = (by: SessionStore) => put(by, "live", ["more", "x".repeat(10_000)]);
  await assertRejects(() => more(store), StoreError);
  const after = await count();
  assert(after > before);
  for (const each of [store, other]) await assertRejects(() => more(each), StoreError);
  assertEquals(await count(), after);
});
