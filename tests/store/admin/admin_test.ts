import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { FileJar } from "../../../client/mod.ts";
import { encodeLine } from "../../../store/journal/line_codec.ts";
import { inspect } from "../../../store/admin/verify.ts";
import { FileStore, StoreError } from "../../../store/mod.ts";
import { run, sampleLines } from "../../support/store/admin/admin_runs.ts";
import { generation, sample } from "../../support/store/samples.ts";
import {
  all,
  forEver,
  namesIn,
  put,
  record,
  tempFolder,
  test,
} from "../../support/store/stores.ts";

test("store verify: lists the content of a sound file", async ({ path }) => {
  const { bytes, ends } = await sample(path, { isCompacted: true });
  {
    await using store = await FileStore.open(path, { namespace: "test", now: () => 0 });
    await store.create(record("sess-4", { expiresAt: 1 }));
  }
  const { size } = await Deno.stat(path);
  await Deno.writeTextFile(path, '{"n":99,"o":["te', { append: true });
  await Deno.writeTextFile(`${path}.torn`, "abc");
  const { status, said } = await run("verify", path);
  assertEquals(status, 0, said);
  assert(size > bytes.length);
  assertEquals(said.split("\n").map((line) => line.replace(/ from .*/, "")), [
    `${path} is sound.`,
    `  size: ${ends.length + 2} lines, ${size} bytes`,
    `  format: mcp-sessions 1, generation ${await generation(path)}`,
    '  server "other": 1 session with 1 value',
    '  server "test": 2 sessions (1 expired) with 3 values',
    "  unfinished end: 16 bytes",
    `  set aside earlier: 3 bytes in ${path}.torn`,
  ]);
  assertEquals(await run("verify", `file:${path}`), await run("verify", path));
});

test("store verify: finds all damage that a store refuses, and changes nothing", async ({ path, folder }) => {
  const { bytes, ends } = await sample(path, { isCompacted: true });
  await Deno.remove(`${path}.lock`);
  for (let place = 0; place < ends.at(-2)!; place++) {
    const damaged = bytes.slice();
    damaged[place]! ^= 1 << (place & 7);
    await Deno.writeFile(path, damaged);
    using inspection = inspect(path, 0);
    assertEquals(inspection.verdict, "damaged");
    const fault = inspection.faults.find(({ start, end }) => start <= place && place <= end);
    assert(fault !== undefined, `bit ${place & 7} of byte ${place}`);
    // A flipped bit may make a newline within a line.
    assert(Math.abs(fault.line - ends.findIndex((end) => place < end) - 1) <= 1);
  }
  assertEquals(namesIn(folder), ["sessions.jsonl"]);
});

Deno.test("store verify and repair: refuse a file of another format or version", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/file`;
  const to = `${folder.path}/new`;
  for (const text of ["Dear diary", "Dear diary\n\n", "\0".repeat(9000), '{"a":1}\n']) {
    await Deno.writeTextFile(path, text);
    for (const args of [["verify", path], ["repair", path, "--to", to]]) {
      const { status, said } = await run(...args);
      assertEquals(status, 1);
      assert(said.startsWith(`${path} is no store's file`), said);
    }
  }
  await Deno.writeTextFile(path, encodeLine('{"format":"mcp-sessions","version":2'));
  for (const args of [["verify", path], ["repair", path, "--to", to]]) {
    const { status, wrong } = await run(...args);
    assertEquals(status, 2);
    assertMatch(wrong, /was written by a newer version of this program: update it/);
  }
  await Deno.writeTextFile(path, "");
  assertEquals((await run("verify", path)).status, 0, "an empty file is a new store");
  assertEquals(namesIn(folder.path), ["file"]);
});

Deno.test("store verify and repair: print no control characters of a file or path", async () => {
  await using folder = await tempFolder();
  const acting = "\x1b[2J\x9b31m\u202e\u200f\u2028\r\n";
  const path = `${folder.path}/a${acting}.jsonl`;
  {
    await using store = await FileStore.open(path, { namespace: `evil${acting}` });
    await store.create(record("sess-1", forEver));
    await put(store, "sess-1", ["a", 1]);
  }
  const lines = (await Deno.readTextFile(path)).match(/[^\n]*\n/g)!;
  const files = [
    lines,
    lines.with(-2, lines.at(-2)!.replace("use", "usE")),
    lines.with(2, lines.at(2)!.replace("put", "puT").replace(/evil[^"]*/, `evil\x1b[2J\u202e`)),
    [encodeLine(`{"format":"${acting.slice(0, -2)}","version":"${acting.slice(1, -2)}"`), "x\n"],
    [encodeLine(
      JSON.stringify({ format: acting, version: 1, id: "", generation: 1, n: 0 }).slice(0, -1),
    )],
    ["no line\n"],
  ];
  for (const [i, file] of files.entries()) {
    await Deno.writeTextFile(path, file.join(""));
    for (
      const { said, wrong } of [
        await run("verify", path),
        await run("repair", path, "--to", `${path}.${i}`),
        await run("repair", path, "--to", path),
        await run("verify", `${path}.not`),
        await run("verify", path, `--${acting}`),
        await run(acting),
      ]
    ) {
      for (const line of [...said.split("\n"), wrong]) {
        assert(!/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(line), JSON.stringify(line));
      }
    }
  }
});

Deno.test("store verify: names the format of a jar, which no store opens", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  await using jar = await FileJar.open(path);
  await jar.set({ server: "http://localhost/", profile: "default" }, { id: "sess-1" });
  const { status, said } = await run("verify", path);
  assertEquals(status, 1);
  assertMatch(
    said,
    /is a file of mcp-sessions-jar, and no store opens it; all its lines are good\./,
  );
  const repaired = await run("repair", path, "--to", `${path}.new`);
  assertEquals(repaired.status, 0, repaired.said);
  await using copy = await FileJar.open(`${path}.new`);
  assertEquals(await copy.list(), await jar.list());
});

test("store verify and repair: a wrong command is one line and status 2", async ({ path, folder }) => {
  await sample(path);
  await Deno.writeTextFile(`${folder}/there`, "");
  const cases: [string[], RegExp][] = [
    [[], /^store: A command is missing \(see --help\)$/],
    [["mend", path], /^store: There is no command mend \(see --help\)$/],
    [["verify"], /^store: verify needs a FILE \(see --help\)$/],
    [["verify", path, path], /^store: verify takes one FILE, not 2 \(see --help\)$/],
    [["verify", path, "--to", "x"], /^store: --to goes with repair \(see --help\)$/],
    [["verify", path, "--fast"], /^store: Unknown argument "--fast" \(see --help\)$/],
    [["verify", `${path}.not`], /^store: There is no file .*\.not \(see --help\)$/],
    [["verify", `file:${path}.not`], /^store: There is no file \/.*\.not \(see --help\)$/],
    [["verify", folder], /^store: There is no file /],
    [["repair", path], /^store: repair needs --to NEWFILE/],
    [["repair", path, "--to"], /^store: --to needs a value/],
    [["repair", path, "--to", path], /is there already: nothing is overwritten/],
    [["repair", path, "--to", `${folder}/there`], /is there already: nothing is overwritten/],
    [["repair", path, "--to", `${path}/x`], /^store: Cannot /],
    [["repair", path, "--to", `${folder}/no/x`], /^store: Cannot write /],
  ];
  for (const [args, message] of cases) {
    const { status, said, wrong } = await run(...args);
    assertEquals([status, said], [2, ""], String(message));
    assertMatch(wrong, message);
    assert(!wrong.includes("\n"), wrong);
  }
  assertEquals((await run("--help")).status, 0);
  assertEquals(namesIn(folder), ["sessions.jsonl", "sessions.jsonl.lock", "there"]);
});

test("deno task store: repairs a file that a store refuses, as its error says", async ({ path }) => {
  const lines = await sampleLines(path);
  await Deno.writeTextFile(path, lines.with(-4, lines.at(-4)!.replace("e", "E")).join(""));
  const { message } = await assertRejects(
    () => FileStore.open(path, { namespace: "test" }),
    StoreError,
  );
  const [, verify] = /`deno (task store verify .*)`/.exec(message) ?? [];
  assert(verify !== undefined, message);
  const deno = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args,
      cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    })
      .output();
  const verified = await deno(...verify.split(" "));
  assertEquals(verified.code, 1);
  const said = new TextDecoder().decode(verified.stdout);
  const [, repair] = /^ {2}deno (task store repair .*)$/m.exec(said) ?? [];
  assert(repair !== undefined, said);
  const { code } = await deno(...repair.replace("NEWFILE", `${path}.new`).split(" "));
  assertEquals(code, 1, "as a line is lost");
  await using store = await FileStore.open(`${path}.new`, { namespace: "test" });
  assertEquals((await all(store, "sess-1"))?.map(([key]) => key), ["key-0", "key-2"]);
});
