import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { encodeHeader } from "../../../store/journal/header.ts";
import { encodeLine } from "../../../store/journal/line_codec.ts";
import { FileStore, StoreError } from "../../../store/mod.ts";
// @ts-types="../../fixtures/store/before_marks.d.ts"
import { FileStore as OldStore } from "../../fixtures/store/before_marks.js";
import { run } from "../../support/store/admin/admin_runs.ts";
import { assertBitFlipsRefused, assertRefused } from "../../support/store/bit_flips.ts";
import { contents, sample } from "../../support/store/samples.ts";
import {
  all,
  forEver,
  put,
  record,
  refused,
  tempFolder,
  test,
} from "../../support/store/stores.ts";

const large = "x".repeat(60_000);

test("FileStore: open() keeps all complete lines of a file that is cut anywhere", async ({ path }) => {
  const { bytes, ends } = await sample(path, { isCompacted: true });
  for (let cut = ends.at(-6)!; cut < bytes.length; cut++) {
    await Deno.remove(`${path}.torn`).catch(() => {});
    const end = ends.findLast((end) => end <= cut)!;
    await Deno.writeFile(path, bytes.subarray(0, end));
    const expected = await contents(path);
    await Deno.writeFile(path, bytes.subarray(0, cut));
    const rest = bytes.subarray(end, cut);
    const warnings: string[] = [];
    assertEquals(await contents(path, warnings), expected, `cut at ${cut}`);
    assertEquals(warnings.length, rest.length > 0 ? 1 : 0, `cut at ${cut}`);
    if (rest.length > 0) {
      assertEquals(await Deno.readFile(`${path}.torn`), rest);
      assert(warnings[0]?.includes(`${path}.torn`) && warnings[0].includes(`from ${end}`));
    }
    {
      await using store = await FileStore.open(path, { namespace: "test" });
      await put(store, "sess-1", ["~", 1]);
    }
    const after = await contents(path, warnings);
    assertEquals(after["test sess-1"]?.at(-1), ["~", 1]);
    assertEquals(warnings.length, rest.length > 0 ? 1 : 0, "it was mended");
  }
});

Deno.test("FileStore: open() refuses a flipped bit before the last mark, and changes nothing", async () => {
  // One bit in 23; the long suite flips each.
  await assertBitFlipsRefused(23);
});

test("FileStore: open() sets aside the lines from a flipped bit after the last mark on", async ({ path }) => {
  const { bytes, ends } = await sample(path, { isCompacted: true });
  const whole = await contents(path);
  const mark = ends.at(-2)!;
  const torn = [...bytes, ...bytes.subarray(ends.at(-3), mark - 1)];
  for (let bit = mark * 8; bit < bytes.length * 8; bit += 3) {
    for (const all of [Uint8Array.from(bytes), Uint8Array.from(torn)]) {
      all[bit >> 3]! ^= 1 << (bit & 7);
      await Deno.writeFile(path, all);
      await Deno.remove(`${path}.torn`).catch(() => {});
      const warnings: string[] = [];
      assertEquals(await contents(path, warnings), whole, `bit ${bit & 7} of byte ${bit >> 3}`);
      assertEquals(warnings.length, 1);
      assertMatch(
        warnings[0]!,
        new RegExp(
          `^${path} was not on disk from line ${ends.length} on, as after a power cut: its ` +
            `${
              all.length - mark
            } bytes from ${mark} on are now in ${path}.torn; nothing that was ` +
            `acknowledged is lost$`,
        ),
      );
      assertEquals(await Deno.readFile(`${path}.torn`), all.subarray(mark));
    }
  }
});

test("FileStore: open() refuses any damage in lines of a version without marks", async ({ path }) => {
  for (const isCompacted of [false, true]) {
    await Deno.remove(path).catch(() => {});
    const { bytes, ends } = await sample(path, { isCompacted, by: OldStore });
    for (let place = 0; place < bytes.length; place++) {
      await assertRefused(path, bytes, ends, place * 8 + place % 8);
    }
    // Its lines after a mark of this version may have been acknowledged.
    await Deno.writeFile(path, bytes);
    await (await FileStore.open(path, { namespace: "test" })).close();
    const marked = (await Deno.stat(path)).size;
    {
      await using old = await OldStore.open(path, { namespace: "test" });
      for (let i = 0; i < 3; i++) await put(old, "sess-1", [`old-${i}`, i]);
    }
    const later = await Deno.readFile(path);
    const laterEnds = [...later.keys()].filter((i) => later[i] === 10).map((i) => i + 1);
    const end = laterEnds.at(-2)!;
    for (let place = marked; place < end; place++) {
      await assertRefused(path, later, laterEnds, place * 8 + place % 8);
    }
  }
});

test("FileStore: open() sets aside the unsynced end of a large file", async ({ path }) => {
  {
    await using store = await FileStore.open(path, { namespace: "test" });
    await store.create(record("sess-1", forEver));
    const values = Array.from({ length: 40 }, (_, i) => put(store, "sess-1", [`${i}`, large]));
    await Promise.all(values);
  }
  const whole = await contents(path);
  const bytes = await Deno.readFile(path);
  const rest = new Uint8Array(3 * 1024 * 1024);
  rest.set(bytes.subarray(-large.length), 2 * 1024 * 1024);
  await Deno.writeFile(path, Uint8Array.from([...bytes, ...rest]));
  const warnings: string[] = [];
  assertEquals(await contents(path, warnings), whole);
  assertMatch(warnings.join("\n"), /^[^\n]*was not on disk from line \d+ on/);
  assertEquals((await Deno.stat(`${path}.torn`)).size, rest.length);

  const damaged = bytes.slice();
  damaged.fill(0, 1024 * 1024, 1024 * 1024 + 512);
  await Deno.writeFile(path, damaged);
  const open = () => FileStore.open(path, { namespace: "test" });
  await refused("corrupt", open);
  assertEquals(await Deno.readFile(path), damaged);
});

test("FileStore: open() refuses a missing line, and a copy of one", async ({ path }) => {
  const { bytes, ends } = await sample(path);
  const [, from, to] = ends;
  const without = [...bytes.subarray(0, from), ...bytes.subarray(to)];
  const twice = [...bytes.subarray(0, to), ...bytes.subarray(from)];
  for (const damaged of [without, twice]) {
    await Deno.writeFile(path, Uint8Array.from(damaged));
    const open = () => FileStore.open(path, { namespace: "test" });
    await refused("corrupt", open);
  }
});

test("FileStore: open() refuses an intact line without a meaning, and says where", async ({ path }) => {
  const { bytes, ends } = await sample(path);
  const n = ends.length;
  const next = encodeLine(`{"n":${n + 1},"o":["test",["drop","state-sess-1"]]`);
  const strange = [
    `{"n":${n},"o":[`,
    `{"n":${n},"o":["test"],["test"]`,
    `{"n":${n},"o":["test",["move","state-sess-1"]]`,
    `{"n":${n},"o":5`,
    `{"n":"${n}","o":["test"]`,
    `{"o":["test"],"n":${n}`,
    `{"n":${n}`,
  ];
  for (const line of strange) {
    const text = encodeLine(line);
    await Deno.writeFile(path, bytes);
    await Deno.writeTextFile(path, text + next, { append: true });
    const open = () => FileStore.open(path, { namespace: "test" });
    const { code, message } = await assertRejects(open, StoreError, undefined, line);
    assertEquals(code, "corrupt");
    const place = `line ${n + 1}, bytes ${bytes.length} to ${bytes.length + text.length}`;
    assert(message.includes(place), message);
  }
});

test("FileStore: damage while it is open stops it, and the error says where", async ({ path }) => {
  const { ends } = await sample(path);
  await using store = await FileStore.open(path, { namespace: "test" });
  const size = (await Deno.stat(path)).size;
  await Deno.writeTextFile(path, '{"n":5,"o":[],"c":"00000000"}\n', { append: true });
  for (const call of [() => store.get("sess-1"), () => put(store, "sess-1", ["a", 1])]) {
    assertStringIncludes(
      await refused("corrupt", call),
      `line ${ends.length + 1}, bytes ${size} to ${size + 30}`,
    );
  }
});

Deno.test("FileStore: open() refuses another program's file, and leaves it as it is", async () => {
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
    // A file of the next version, with the right checksum.
    ['{"format":"mcp-sessions","version":2,"c":"ba32b9e9"}\n', "unavailable", /newer version/],
    [encodeLine('{"format":"mcp-sessions","version":0'), "unavailable", /older version/],
    [encodeLine('{"format":"mcp-cookies","version":1'), "corrupt", /not a file of mcp-sessions/],
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

test("FileStore: open() refuses a header alone whose newline is damaged", async ({ path }) => {
  const header = { format: "mcp-sessions", version: 1, id: "0".repeat(32), generation: 1, n: 0 };
  const text = encodeHeader(header).replace("\n", "*");
  await Deno.writeTextFile(path, text);
  const message = await refused("corrupt", () => FileStore.open(path, { namespace: "test" }));
  assertStringIncludes(message, "is damaged in line 1");
  assertEquals((await run("verify", path)).status, 1);
  assertEquals(await Deno.readTextFile(path), text);
});

Deno.test("FileStore: a file that is removed, replaced or cut while in use is an error", async () => {
  const accidents: [RegExp, (path: string) => Promise<void>][] = [
    [/was removed while it was in use/, (path) => Deno.remove(path)],
    [/was removed while it was in use/, (path) => Deno.rename(path, `${path}.away`)],
    [
      /was removed while it was in use/,
      (path) => Deno.remove(path.slice(0, path.lastIndexOf("/")), { recursive: true }),
    ],
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
    const path = `${folder.path}/inner/sessions.jsonl`;
    await Deno.mkdir(`${folder.path}/inner`);
    await sample(path);
    await using store = await FileStore.open(path, { namespace: "test" });
    await happen(path);
    const before = await Deno.readFile(path).catch(() => undefined);
    for (const call of [() => put(store, "sess-1", ["a", 1]), () => store.get("sess-1")]) {
      assertMatch(await refused("unavailable", call), message);
    }
    assertEquals(await Deno.readFile(path).catch(() => undefined), before);
  }
});

test("FileStore: a file that was moved away and is put back goes on", async ({ path }) => {
  await sample(path);
  await using store = await FileStore.open(path, { namespace: "test" });
  await Deno.rename(path, `${path}.away`);
  await assertRejects(() => put(store, "sess-1", ["a", 1]), StoreError);
  await Deno.rename(`${path}.away`, path);
  await put(store, "sess-1", ["b", 1]);
  assertEquals((await all(store, "sess-1"))?.map(([key]) => key), ["b", "key-0", "key-1", "key-2"]);
});

test("FileStore: an empty file is a new store", async ({ path }) => {
  await Deno.writeFile(path, new Uint8Array());
  await using store = await FileStore.open(path, { namespace: "test" });
  await store.create(record("sess-1", forEver));
  await using again = await FileStore.open(path, { namespace: "test" });
  assertEquals((await again.get("sess-1"))?.id, "sess-1");
});
