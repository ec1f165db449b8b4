import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { encodeLine } from "../../store/_lines.ts";
import { Inspection } from "../../store/_inspect.ts";
import { FileStore, StoreError } from "../../store/mod.ts";
import { run, sampleLines } from "./admin_runs.ts";
import { sample } from "./samples.ts";
import { all, record, tempFolder } from "./stores.ts";

Deno.test("store verify: says what is in a sound file", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { bytes, ends } = await sample(path, { isAnew: true });
  {
    await using store = await FileStore.open(path, { namespace: "test", now: () => 0 });
    await store.create(record("sess-4", { expiresAt: 1 }));
  }
  const { size } = await Deno.stat(path);
  await Deno.writeTextFile(path, '{"n":99,"o":["te', { append: true });
  await Deno.writeTextFile(`${path}.torn`, "abc");
  const { status, said } = run("verify", path);
  assertEquals(status, 0, said);
  assert(size > bytes.length);
  assertEquals(said.split("\n").map((line) => line.replace(/ from .*/, "")), [
    `${path} is sound.`,
    `  size: ${ends.length + 2} lines, ${size} bytes`,
    "  format: mcp-sessions 1, generation 2",
    '  server "other": 1 session with 1 value',
    '  server "test": 2 sessions (1 expired) with 3 values',
    "  unfinished end: 16 bytes",
    `  set aside earlier: 3 bytes in ${path}.torn`,
  ]);
});

Deno.test("store verify: finds whatever a store refuses, and changes nothing", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { bytes, ends } = await sample(path, { isAnew: true });
  await Deno.remove(`${path}.lock`);
  for (let place = 0; place < bytes.length; place++) {
    const damaged = bytes.slice();
    damaged[place]! ^= 1 << (place & 7);
    await Deno.writeFile(path, damaged);
    const inspection = new Inspection(path, 0);
    for (const _ of inspection.lines());
    const fault = inspection.faults.find(({ start, end }) => start <= place && place <= end);
    assert(fault !== undefined, `bit ${place & 7} of byte ${place}`);
    // A newline that comes to be within a line parts it.
    assert(Math.abs(fault.line - ends.findIndex((end) => place < end) - 1) <= 1);
  }
  assertEquals(Array.from(Deno.readDirSync(folder.path), ({ name }) => name), ["sessions.jsonl"]);
});

Deno.test("store verify and repair: what is no store's file, and what is of another version", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/file`;
  const to = `${folder.path}/new`;
  for (const text of ["Dear diary", "Dear diary\n\n", "\0".repeat(9000), '{"a":1}\n']) {
    await Deno.writeTextFile(path, text);
    for (const args of [["verify", path], ["repair", path, "--to", to]]) {
      const { status, said } = run(...args);
      assertEquals(status, 1);
      assert(said.startsWith(`${path} is no store's file`), said);
    }
  }
  await Deno.writeTextFile(path, encodeLine('{"format":"mcp-sessions","version":2'));
  for (const args of [["verify", path], ["repair", path, "--to", to]]) {
    const { status, wrong } = run(...args);
    assertEquals(status, 2);
    assertEquals(wrong, `${path} was written by another version of this program: use that one`);
  }
  await Deno.writeTextFile(path, "");
  assertEquals(run("verify", path).status, 0, "a store begins anew in an empty file");
  assertEquals(Array.from(Deno.readDirSync(folder.path), ({ name }) => name), ["file"]);
});

Deno.test("store verify and repair: a command that makes no sense is one line and status 2", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await sample(path);
  await Deno.writeTextFile(`${folder.path}/there`, "");
  const cases: [string[], RegExp][] = [
    [[], /^It needs a command: --help/],
    [["mend", path], /^There is no command mend: --help/],
    [["verify"], /^verify needs a FILE: --help/],
    [["verify", path, path], /^verify takes one FILE, not 2: --help/],
    [["verify", path, "--to", "x"], /^--to goes with repair: --help/],
    [["verify", path, "--fast"], /^There is no flag --fast: --help/],
    [["verify", `${path}.not`], /^There is no file .*\.not: --help/],
    [["verify", `file:${path}`], /^There is no file file:.*: name it by its path: --help/],
    [["verify", folder.path], /^There is no file /],
    [["repair", path], /^repair needs --to NEWFILE/],
    [["repair", path, "--to"], /^repair needs --to NEWFILE/],
    [["repair", path, "--to", path], /is there already: nothing is overwritten/],
    [["repair", path, "--to", `${folder.path}/there`], /is there already: nothing is overwritten/],
    [["repair", path, "--to", `${path}/x`], /^Cannot /],
    [["repair", path, "--to", `${folder.path}/no/x`], /^Cannot write /],
  ];
  for (const [args, message] of cases) {
    const { status, said, wrong } = run(...args);
    assertEquals([status, said], [2, ""], String(message));
    assertMatch(wrong, message);
    assert(!wrong.includes("\n"), wrong);
  }
  assertEquals(run("--help").status, 0);
  const names = Array.from(Deno.readDirSync(folder.path), ({ name }) => name).sort();
  assertEquals(names, ["sessions.jsonl", "sessions.jsonl.lock", "there"]);
});

Deno.test("deno task store: mends what a store refuses, as its error says", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
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
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
    })
      .output();
  const verified = await deno(...verify.split(" "));
  assertEquals(verified.code, 1);
  const said = new TextDecoder().decode(verified.stdout);
  const [, repair] = /^ {2}deno (task store repair .*)$/m.exec(said) ?? [];
  assert(repair !== undefined, said);
  const { code } = await deno(...repair.replace("NEWFILE", `${path}.new`).split(" "));
  assertEquals(code, 0);
  await using store = await FileStore.open(`${path}.new`, { namespace: "test" });
  assertEquals((await all(store, "sess-1"))?.map(([key]) => key), ["key-0", "key-2"]);
});
