import { assert, assertEquals, assertMatch } from "@std/assert";
import { FileStore } from "../../../store/mod.ts";
import {
  all,
  forEver,
  gather,
  increment,
  namesIn,
  put,
  record,
  test,
  wrapped,
} from "../../support/store/stores.ts";
import { systemError } from "../../support/system_faults.ts";

const HOUR = 60 * 60 * 1000;
const options = { namespace: "test", compactBytes: 4000 };

async function header(path: string): Promise<{ readonly generation: number; readonly id: string }> {
  const text = await Deno.readTextFile(path);
  return JSON.parse(text.slice(0, text.indexOf("\n")));
}

test("FileStore: compaction keeps a file small that is written for ever", async ({ path, folder }) => {
  await using store = await FileStore.open(path, options);
  await using other = await FileStore.open(path, options);
  await store.create(record("sess-1", { ...forEver, alias: "work" }));
  const first = await header(path);
  let count = 0;
  // Its size between compactions depends on the disk.
  for (let last = first, size = 0; last.generation < 5 || size > 10_000; count++) {
    const value = `${count} ${"x".repeat(100)}`;
    await put(count % 3 === 0 ? other : store, "sess-1", [`key-${count % 10}`, value]);
    last = await header(path);
    size = (await Deno.stat(path)).size;
    assertEquals(last.id, first.id);
    assert(count < 20_000, `compactions: ${last.generation - 1}`);
  }
  for (const one of [store, other]) {
    assertEquals((await one.get({ owner: null, alias: "work" }))?.id, "sess-1");
    assertEquals(
      (await all(one, "sess-1"))?.map(([, value]) => parseInt(String(value))).sort((a, b) => a - b),
      Array.from({ length: 10 }, (_, i) => count - 10 + i),
    );
  }
  await Promise.all([store.close(), other.close()]);
  await using again = await FileStore.open(path, options);
  assertEquals((await all(again, "sess-1"))?.length, 10);
  assertEquals(namesIn(folder), ["sessions.jsonl", "sessions.jsonl.lock"]);
});

test("FileStore: others read acknowledged writes at once during a compaction", async ({ path }) => {
  await using store = await FileStore.open(path, options);
  await using other = await FileStore.open(path, options);
  await store.create(record("sess-1", forEver));
  const first = await header(path);
  for (let count = 1, generation = first.generation; generation < 60; count++) {
    const [writer, reader] = count % 2 === 0 ? [store, other] : [other, store];
    // Its stat is cached from now on.
    await reader.get("sess-1");
    await put(writer, "sess-1", ["key", `${count} ${"x".repeat(200)}`]);
    const [[, value] = []] = await all(reader, "sess-1") ?? [];
    assertEquals(parseInt(String(value)), count);
    generation = (await header(path)).generation;
    assert(count < 20_000, `compactions: ${generation - 1}`);
  }
});

test("FileStore: loses no write during a compaction", async ({ path }) => {
  const large = { namespace: "test", compactBytes: 512 * 1024 };
  await using store = await FileStore.open(path, large);
  for (let i = 0; i < 20; i++) await store.create(record(`sess-${i}`, forEver));
  // A batch is larger than a slice of the compacted file, so many come between two slices.
  for (let round = 0; (await header(path)).generation < 4; round++) {
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      await put(store, `sess-${i}`, [`key-${round % 7}`, "x".repeat(5000)], ["round", round]);
      await increment(store, `sess-${i}`);
    }));
    if (round % 5 === 4) {
      const i = (round / 5 | 0) % 20;
      await store.delete(`sess-${i}`);
      await store.create(record(`sess-${i}`, forEver));
    }
    assert(round < 500);
  }
  const before = await Promise.all(Array.from({ length: 20 }, (_, i) => all(store, `sess-${i}`)));
  const records = await store.list({ owner: null, limit: 99 });
  await store.close();
  await using again = await FileStore.open(path, large);
  assertEquals(await Promise.all(before.map((_, i) => all(again, `sess-${i}`))), before);
  assertEquals(await again.list({ owner: null, limit: 99 }), records);
});

test("FileStore: purges sessions past their retention, when opened and at each create", async ({ path }) => {
  const clock = { now: 1_800_000_000_000 };
  const timed = { ...options, now: () => clock.now };
  {
    await using store = await FileStore.open(path, { ...timed, namespace: "other" });
    await store.create(record("sess-other", { expiresAt: clock.now + 201 * HOUR }));
  }
  {
    await using store = await FileStore.open(path, timed);
    for (let i = 0; i < 200; i++) {
      await store.create(record(`sess-${i}`, { expiresAt: clock.now + 2 * HOUR }));
      await put(store, `sess-${i}`, ["a", "x".repeat(100)]);
      clock.now += HOUR;
    }
    for (let i = 0; (await Deno.stat(path)).size > 20_000; i++) {
      await put(store, "sess-199", ["a", i]);
      assert(i < 20_000, "the file should have only the last sessions");
    }
  }
  clock.now += 30 * HOUR;
  await using _ = await FileStore.open(path, timed);
  const text = await Deno.readTextFile(path);
  assert(
    text.includes('["drop","state-sess-199"]') && text.includes('["drop","state-sess-other"]'),
  );
});

for (
  const [method, errno, reason] of [
    ["writeSync", "ENOSPC", /Cannot compact .*sessions\.jsonl.*no room/],
    ["syncData", "EIO", /Cannot compact .*Input\/output error/],
  ] as const
) {
  test(`FileStore: goes on with the old file when the ${method} of a compaction fails`, async (file) => {
    const { path, folder } = file;
    const { warnings, warn } = gather();
    const fail = () => {
      throw systemError(errno);
    };
    await (await FileStore.open(path, options)).close();
    // Only a compacted file is empty when it is opened.
    const wrap = (file: Deno.FsFile) =>
      wrapped(file, file.statSync().size === 0 ? { [method]: fail } : {});
    {
      await using store = await FileStore.open(path, { ...options, wrap, warn });
      await store.create(record("sess-1", forEver));
      for (let i = 0; i < 200; i++) await increment(store, "sess-1");
    }
    assertEquals(warnings.length, 1, "one attempt until the file has grown");
    assertMatch(warnings[0]!, reason);
    assertEquals((await header(path)).generation, 1);
    await using again = await FileStore.open(path, { namespace: "test" });
    assertEquals((await again.get("sess-1"))?.toolCalls, 200);
    const names = namesIn(folder);
    assertEquals(names, ["sessions.jsonl", "sessions.jsonl.lock"], "the compacted file is gone");
  });
}

test("FileStore: takes over a compacted file that a killed process left behind", async ({ path }) => {
  await Deno.writeTextFile(`${path}.new`, "half of something");
  await Deno.writeTextFile(`${path}.first`, "half of something");
  await using store = await FileStore.open(path, options);
  await store.create(record("sess-1", forEver));
  while ((await header(path)).generation === 1) await increment(store, "sess-1");
  assert((await store.get("sess-1"))!.toolCalls > 10);
});
