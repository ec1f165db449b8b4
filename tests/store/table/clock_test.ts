/** Clocks that are wrong for a while: hidden sessions come back, and nothing is lost. */

import { assertEquals, assertRejects } from "@std/assert";
import { FileStore, INTERNAL_OWNER, KvStore, type SessionStore } from "../../../store/mod.ts";
import { systemError } from "../../support/system_faults.ts";
import { startServer } from "../../support/servers/server.ts";
import { generation } from "../../support/store/samples.ts";
import { all, increment, put, record, tempFolder, wrapped } from "../../support/store/stores.ts";

const NOW = 1_800_000_000_000;
const DAY = 24 * 60 * 60 * 1000;
const WEEK = 7 * DAY;

type Open = (clock: { now: number }) => Promise<SessionStore>;

function test(name: string, run: (open: Open, path: string) => Promise<void>): void {
  for (const kind of ["FileStore", "KvStore"]) {
    Deno.test(`${kind}: ${name}`, async () => {
      await using folder = await tempFolder();
      const path = `${folder.path}/sessions`;
      await run(async (clock) => {
        const options = { namespace: "test", now: () => clock.now };
        return kind === "FileStore"
          ? await FileStore.open(path, { ...options, compactBytes: 2000 })
          : new KvStore(await Deno.openKv(path), { ...options, closesKv: true });
      }, path);
    });
  }
}

test("a server's own records are deleted when as long again as their ttlMs has passed", async (open) => {
  const clock = { now: NOW };
  await using store = await open(clock);
  const ttlMs = 1000;
  const keep = (id: string) =>
    store.create(record(id, { owner: INTERNAL_OWNER, ttlMs, expiresAt: clock.now + ttlMs }));
  await keep("kept-1");
  const isThere = async () => {
    const { now } = clock;
    clock.now = NOW;
    const found = await store.get("kept-1");
    clock.now = now;
    return found !== undefined;
  };
  // Each create sweeps some, and the next one waits for that.
  clock.now = NOW + 2 * ttlMs - 1;
  for (let i = 2; i < 10; i++) await keep(`kept-${i}`);
  assertEquals(await isThere(), true);
  clock.now = NOW + 2 * ttlMs;
  for (let i = 10; i < 20; i++) await keep(`kept-${i}`);
  assertEquals(await isThere(), false);
});

test(
  "a process whose clock is ahead deletes nothing of others",
  async (open, path) => {
    await using right = await open({ now: NOW });
    const ids = Array.from({ length: 20 }, (_, i) => `sess-${i}`);
    for (const id of ids) {
      await right.create(record(id, { alias: id, ttlMs: WEEK, expiresAt: NOW + WEEK }));
      await put(right, id, ["kept", id]);
    }
    const compactions = async () => right instanceof FileStore ? await generation(path) : 0;
    const before = await compactions();
    {
      await using ahead = await open({ now: NOW + 8 * DAY });
      assertEquals(await ahead.list({ owner: null, limit: 99 }), []);
      await ahead.create(record("sess-ahead", { ttlMs: WEEK, expiresAt: NOW + 15 * DAY }));
      for (let i = 0; i < 40; i++) {
        await ahead.create(record(`sess-ahead-${i}`, { expiresAt: NOW + 8 * DAY + 1 }));
        await put(ahead, `sess-ahead-${i}`, ["a", "x".repeat(100)]);
      }
      while (ahead instanceof FileStore && await compactions() === before) {
        await increment(ahead, "sess-ahead");
      }
    }
    await using again = await open({ now: NOW });
    for (const store of [right, again]) {
      for (const id of ids) {
        assertEquals((await store.get({ owner: null, alias: id }))?.id, id);
        assertEquals(await all(store, id), [["kept", id]]);
      }
    }
  },
);

test("a process whose clock is behind neither shortens nor prolongs a session", async (open) => {
  const clock = { now: NOW };
  await using right = await open(clock);
  await right.create(record("sess-1", { ttlMs: WEEK, expiresAt: NOW + WEEK }));
  {
    await using behind = await open({ now: 0 });
    assertEquals((await increment(behind, "sess-1"))?.session.expiresAt, NOW + WEEK);
    await behind.create(record("sess-behind", { ttlMs: WEEK, expiresAt: WEEK }));
  }
  assertEquals(await right.get("sess-behind"), undefined);
  assertEquals((await increment(right, "sess-1"))?.value, 2);
  clock.now += WEEK;
  assertEquals(await right.get("sess-1"), undefined);
});

Deno.test("FileStore: a hidden session keeps its alias if the new one cannot be written", async () => {
  await using folder = await tempFolder();
  const clock = { now: NOW };
  let isFull = false;
  await using store = await FileStore.open(`${folder.path}/sessions.jsonl`, {
    namespace: "test",
    now: () => clock.now,
    wrap: (file) =>
      wrapped(file, {
        writeSync(bytes) {
          if (isFull) throw systemError("ENOSPC");
          return file.writeSync(bytes);
        },
      }),
  });
  const old = record("sess-old", { alias: "work", expiresAt: NOW + 10 });
  await store.create(old);
  await put(store, "sess-old", ["a", 1]);
  clock.now = NOW + 10;
  isFull = true;
  await assertRejects(() => store.create(record("sess-new", { alias: "work" })));
  isFull = false;
  clock.now = NOW;
  assertEquals(await store.get({ owner: null, alias: "work" }), old);
  assertEquals(await all(store, "sess-old"), [["a", 1]]);
  assertEquals(await store.get("sess-new"), undefined);
});

Deno.test("server: loses no session when it was started with its clock ahead", async () => {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/sessions.jsonl`;
  const start = async (days: number) => {
    const clock = `${folder.path}/clock-${days}.js`;
    await Deno.writeTextFile(
      clock,
      `const right = Date.now; Date.now = () => right() + ${days * DAY};`,
    );
    const permissions = ["-A", `--preload=${clock}`];
    return await startServer({ server: "notebook", transport: "stdio", store, permissions });
  };
  let cookie: unknown;
  {
    await using server = await start(0);
    cookie = await server.create();
    await server.toolResult("notebook_append", { text: "buy milk" }, cookie);
    assertEquals(await server.stop(), 0);
  }
  for (const days of [8, -30]) {
    await using server = await start(days);
    const { sessions } = await server.result("session/list");
    assertEquals(sessions.length, days > 0 ? 0 : 1);
    const { error } = await server.tool("notebook_read", {}, cookie);
    assertEquals(error?.data, days > 0 ? { reason: "unknown" } : undefined);
    for (let i = 0; i < 8; i++) {
      await server.result("session/delete", { id: (await server.create()).id });
    }
    assertEquals(await server.stop(), 0);
  }
  await using server = await start(0);
  const read = await server.toolResult("notebook_read", {}, cookie);
  assertEquals(read.structuredContent.count, 1);
  assertEquals((await server.result("session/list")).sessions.length, 1);
});
