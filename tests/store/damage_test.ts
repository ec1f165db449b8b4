import { assert, assertEquals, assertRejects } from "@std/assert";
import { FileStore, StoreError } from "../../store/mod.ts";
import { all, put, record, tempFolder } from "./stores.ts";

const forEver = { expiresAt: Number.MAX_SAFE_INTEGER };

/** The bytes of a file with a session and a few lines, and where each line ends. */
async function sample(path: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; ends: number[] }> {
  {
    await using store = await FileStore.open(path, { namespace: "test" });
    await store.create(record("sess-1", forEver));
    for (let i = 0; i < 3; i++) await put(store, "sess-1", [`key-${i}`, `välue ${i}`]);
  }
  const bytes = await Deno.readFile(path);
  const ends = [...bytes.keys()].filter((i) => bytes[i] === 10).map((i) => i + 1);
  return { bytes, ends };
}

Deno.test("file store: cut anywhere in its last lines, it keeps all complete ones", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { bytes, ends } = await sample(path);
  for (let cut = ends[1]!; cut < bytes.length; cut++) {
    await Deno.writeFile(path, bytes.subarray(0, cut));
    await Deno.remove(`${path}.torn`).catch(() => {});
    const kept = ends.filter((end) => end <= cut);
    const rest = bytes.subarray(kept.at(-1), cut);
    const warnings: string[] = [];
    const options = { namespace: "test", warn: (text: string) => warnings.push(text) };
    {
      await using store = await FileStore.open(path, options);
      const values = Array.from({ length: kept.length - 2 }, (_, i) => [`key-${i}`, `välue ${i}`]);
      assertEquals<unknown>(await all(store, "sess-1"), values, `cut at ${cut}`);
      await put(store, "sess-1", ["more", 1]);
    }
    assertEquals(warnings.length, rest.length > 0 ? 1 : 0, `cut at ${cut}`);
    if (rest.length > 0) {
      assertEquals(await Deno.readFile(`${path}.torn`), rest);
      assert(warnings[0]?.includes(`${path}.torn`) && warnings[0].includes(`from ${kept.at(-1)}`));
    }
    await using again = await FileStore.open(path, options);
    assertEquals((await all(again, "sess-1"))?.at(-1), ["more", 1]);
    assertEquals(warnings.length, rest.length > 0 ? 1 : 0, "it was mended");
  }
});

Deno.test("file store: any flipped bit in a complete line is refused, and nothing changed", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { bytes, ends } = await sample(path);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const place = bit >> 3;
    const damaged = bytes.slice();
    damaged[place]! ^= 1 << (bit & 7);
    await Deno.writeFile(path, damaged);
    const error = await assertRejects(
      () => FileStore.open(path, { namespace: "test" }),
      StoreError,
      undefined,
      `bit ${bit & 7} of byte ${place}`,
    );
    assertEquals(error.code, "corrupt", error.message);
    assert(error.message.includes(path));
    const line = ends.findIndex((end) => place < end) + 1;
    const [, where, start, end] = /line (\d+), bytes (\d+) to (\d+)/.exec(error.message) ?? [];
    assertEquals(Number(where), line, error.message);
    assert(Number(start) <= place && place < Number(end), `${place}: ${error.message}`);
    assertEquals(await Deno.readFile(path), damaged);
  }
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "sessions.jsonl",
    "sessions.jsonl.lock",
  ]);
});

Deno.test("file store: a line that is missing or there twice is refused", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { bytes, ends } = await sample(path);
  const [, from, to] = ends;
  const without = [...bytes.subarray(0, from), ...bytes.subarray(to)];
  const twice = [...bytes.subarray(0, to), ...bytes.subarray(from)];
  for (const damaged of [without, twice]) {
    await Deno.writeFile(path, Uint8Array.from(damaged));
    const open = () => FileStore.open(path, { namespace: "test" });
    assertEquals((await assertRejects(open, StoreError)).code, "corrupt");
  }
});

Deno.test("file store: damage that comes while it is open stops it, and it says where", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await sample(path);
  await using store = await FileStore.open(path, { namespace: "test" });
  const size = (await Deno.stat(path)).size;
  await Deno.writeTextFile(path, '{"n":5,"o":[],"c":"00000000"}\n', { append: true });
  for (const call of [() => store.get("sess-1"), () => put(store, "sess-1", ["a", 1])]) {
    const error = await assertRejects(call, StoreError);
    assertEquals(error.code, "corrupt");
    assert(error.message.includes(`line 6, bytes ${size} to ${size + 30}`), error.message);
  }
});

Deno.test("file store: what is no store's file is refused, and left as it is", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/file`;
  const check = (n: number) => ({ n, c: "00000000" });
  const files: [string, string, RegExp][] = [
    ["Dear diary", "corrupt", /not a file of mcp-sessions.*was not changed/],
    ["Dear diary\n\n", "corrupt", /not a file of mcp-sessions/],
    ["\n", "corrupt", /not a file of mcp-sessions/],
    [JSON.stringify(check(1)) + "\n", "corrupt", /not a file of mcp-sessions/],
    ["\0".repeat(9000), "corrupt", /not a file of mcp-sessions/],
    ['{"format":"mcp-sessions"', "corrupt", /damaged in line 1, bytes 0 to 24/],
    // A file of the version after this one, with the checksum that belongs to it.
    ['{"format":"mcp-sessions","version":2,"c":"ba32b9e9"}\n', "unavailable", /newer version/],
  ];
  for (const [text, code, message] of files) {
    await Deno.writeTextFile(path, text);
    const open = () => FileStore.open(path, { namespace: "test" });
    const error = await assertRejects(open, StoreError);
    assertEquals(error.code, code, error.message);
    assert(message.test(error.message), error.message);
    assertEquals(await Deno.readTextFile(path), text);
  }
});

Deno.test("file store: a file that is removed, replaced or cut while in use is an error", async () => {
  const accidents: [RegExp, (path: string) => Promise<void>][] = [
    [/was removed while it was in use/, (path) => Deno.remove(path)],
    [/was removed while it was in use/, (path) => Deno.rename(path, `${path}.away`)],
    [/was cut to 100 bytes while it was in use/, (path) => Deno.truncate(path, 100)],
    [/was replaced by another file while it was in use/, async (path) => {
      await sample(`${path}.other`);
      await Deno.rename(`${path}.other`, path);
    }],
    [/was replaced by another file while it was in use/, async (path) => {
      await Deno.copyFile(path, `${path}.copy`);
      await Deno.rename(`${path}.copy`, path);
    }],
  ];
  for (const [message, happen] of accidents) {
    await using folder = await tempFolder();
    const path = `${folder.path}/sessions.jsonl`;
    await sample(path);
    await using store = await FileStore.open(path, { namespace: "test" });
    await happen(path);
    const before = await Deno.readFile(path).catch(() => undefined);
    for (const call of [() => put(store, "sess-1", ["a", 1]), () => store.get("sess-1")]) {
      const error = await assertRejects(call, StoreError);
      assertEquals(error.code, "unavailable");
      assert(message.test(error.message), error.message);
    }
    assertEquals(await Deno.readFile(path).catch(() => undefined), before);
  }
});

Deno.test("file store: a file that was moved away and is put back goes on", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await sample(path);
  await using store = await FileStore.open(path, { namespace: "test" });
  await Deno.rename(path, `${path}.away`);
  await assertRejects(() => put(store, "sess-1", ["a", 1]), StoreError);
  await Deno.rename(`${path}.away`, path);
  await put(store, "sess-1", ["b", 1]);
  assertEquals((await all(store, "sess-1"))?.map(([key]) => key), ["b", "key-0", "key-1", "key-2"]);
});

Deno.test("file store: an empty file is a new store", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await Deno.writeFile(path, new Uint8Array());
  await using store = await FileStore.open(path, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await using again = await FileStore.open(path, { namespace: "test" });
  assertEquals((await again.get("sess-1"))?.id, "sess-1");
});
