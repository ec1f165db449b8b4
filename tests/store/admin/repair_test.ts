import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeLine } from "../../../store/journal/line_codec.ts";
import { FileStore } from "../../../store/mod.ts";
import { crc32 } from "node:zlib";
import { Random } from "../../support/random.ts";
import { run, sampleLines } from "../../support/store/admin/admin_runs.ts";
import { contents } from "../../support/store/samples.ts";
import { forEver, record, tempFolder, test } from "../../support/store/stores.ts";

/** Writes a file of these lines and repairs it. @returns The content of the new one. */
async function repaired(path: string, lines: readonly string[]) {
  const to = `${path}.repaired`;
  await Deno.writeTextFile(path, lines.join(""));
  await Deno.remove(to).catch(() => {});
  const verified = await run("verify", path);
  const { status, said } = await run("repair", path, "--to", to);
  assertEquals(status, /^Nothing is lost\.$/m.test(said) ? 0 : 1, said);
  assertEquals(await Deno.readTextFile(path), lines.join(""), "it was not changed");
  assertEquals((await run("verify", to)).status, 0);
  return { verified, status, said, found: await contents(to) };
}

test("store repair: saves all but the damaged line, and names it", async ({ path }) => {
  const lines = await sampleLines(path);
  let start = lines[0]!.length;
  for (const [index, line] of lines.entries()) {
    const isMark = line.includes('["",');
    if (index === 0 || isMark) {
      start += index === 0 ? 0 : line.length;
      continue;
    }
    const end = start + line.length + (line.includes("ä") ? 1 : 0);
    const damaged = lines.with(index, line.replace(`],"c"`, `],"C"`));
    const { verified, said, found } = await repaired(path, damaged);
    assertEquals(verified.status, 1);
    for (const text of [verified.said, said]) {
      assertMatch(text, new RegExp(`^${path} is damaged in 1 place:\n`));
      assert(text.includes(`line ${index + 1}, bytes ${start} to ${end - 1}: it is not as it was`));
    }
    assertMatch(
      verified.said,
      /it seems to have (begun|changed|ended) a session of "(test|other)"/,
    );
    assert(verified.said.includes(`deno task store repair ${path} --to`), verified.said);
    assertMatch(said, /What these lines did is lost/);
    assert(Object.values(found).flat().length > 0);
    start = end;
  }
  assertEquals((await Deno.stat(`${path}.repaired`)).mode! & 0o777, 0o600);
});

test("store repair: tells which later lines are useless without a lost one", async ({ path }) => {
  const lines = await sampleLines(path);
  await Deno.writeTextFile(path, lines.join(""));
  const whole = await contents(path);
  const without = (part: string) => {
    const index = lines.findIndex((line) => line.includes(part));
    return repaired(path, lines.with(index, lines[index]!.replace(`],"c"`, `],"C"`)));
  };

  const begin = await without('["put",{"id":"sess-2"');
  assertEquals(begin.found["other null"], [], "a session whose beginning is lost is lost");
  assertMatch(
    begin.said,
    /lines 3 and \d+: of no use, as the line that began their session is lost/,
  );
  assertEquals(begin.found["test sess-1"], whole["test sess-1"], "and the others are not");

  const gone = await without('["put",{"id":"sess-3"');
  assert(!gone.said.includes("of no use"), "as it ended anyway");
  assertEquals(gone.found, whole);

  const end = await without('["drop","state-sess-3"]');
  assertEquals(end.found["test null"]?.length, 1, "what ended is there again");

  const change = await without('["key-0","välue 0"]');
  assertEquals(change.found["test sess-1"]?.map(([key]) => key), ["key-1", "key-2", "n"]);

  const latest = await without('["a",{"deep":[null,0]}]');
  assertEquals(latest.found, whole, "a later line has the value");
});

test("store repair: nothing is lost where only newlines, copies or the first line are bad", async ({ path }) => {
  const lines = await sampleLines(path);
  await Deno.writeTextFile(path, lines.join(""));
  const whole = await contents(path);
  const cases: [readonly string[], RegExp][] = [
    [lines.with(4, lines[4]!.replace("\n", "*")), /line 5, .*: it should end the line before it/],
    [lines.with(-2, lines.at(-2)!.replace("\n", "*")), /: it should end the line before it/],
    [lines.with(0, lines[0]!.replace("mcp", "mcq")), /line 1, bytes 0 to .*; it has no session/],
    [lines.slice(1), /line 1, .*: the line before it, which has no session, is gone/],
    [[...lines.slice(0, 7), ...lines.slice(5)], /line 8, .*: it is a copy of a line before it/],
  ];
  for (const [damaged, message] of cases) {
    const { verified, said, found } = await repaired(path, damaged);
    assertEquals(verified.status, 1);
    assertMatch(verified.said, message);
    assertMatch(said, /\nNothing is lost\.\n/);
    assertEquals(found, whole, String(message));
  }
});

test("store repair: takes no value for lines that it looks like", async ({ path }) => {
  const lines = await sampleLines(path);
  const forged = encodeLine('{"n":99,"o":["test",["drop","state-sess-1"]]').trim();
  const value = `[${forged},${forged},{"n":1}]`;
  const line = encodeLine(
    `{"n":${lines.length + 9},"o":["test",["use","state-sess-1",0,1e15,["a",${value}]]]`,
  );
  for (const damaged of [line.replace("use", "usE"), line.slice(0, -30)]) {
    const { found } = await repaired(path, [...lines, damaged]);
    assertEquals(found["test ann"]?.length, 1);
  }
  await (await FileStore.open(path, { namespace: "test", warn: () => {} })).close();
});

test("store repair: tells of lines that are missing or out of order", async ({ path }) => {
  const lines = await sampleLines(path);
  const swapped = [...lines.slice(0, -2), lines.at(-1)!, lines.at(-2)!];
  const stranger = encodeLine(`{"n":${lines.length + 9},"o":["test",["move","x"]]`);
  const cases: [readonly string[], RegExp][] = [
    [lines.toSpliced(-3, 1), /: before it, a line is missing/],
    [lines.toSpliced(-4, 3), /: before it, 3 lines are missing/],
    [swapped, /: it is number \d+ and comes after number \d+/],
    [[...lines.slice(0, -1), stranger], /: it is as it was written, but means nothing/],
  ];
  for (const [damaged, message] of cases) {
    const { verified, said } = await repaired(path, damaged);
    assertEquals(verified.status, 1);
    assertMatch(verified.said, message);
    assertMatch(said, message);
  }
  const { found } = await repaired(path, swapped);
  assertEquals(found["test sess-1"]?.length, 3, "both lines are saved");
});

test("store repair: leaves out an unfinished end, and says so", async ({ path }) => {
  const lines = await sampleLines(path);
  const { verified, said, found } = await repaired(path, [...lines, '{"n":99,"o":']);
  assertEquals(verified.status, 0);
  assertMatch(said, /is sound\.\nNothing is lost\.\nIts unfinished end of 12 bytes was left out\./);
  await Deno.writeTextFile(path, lines.join(""));
  assertEquals(found, await contents(path));
});

test("store repair: keeps two lines of a snapshot with the same checksum", async ({ path }) => {
  const session = record("sess-1", forEver);
  const use = (value: string) =>
    `{"n":9,"o":["test",["use","${session.stateId}",0,${session.expiresAt},["${value}",1]]]`;
  const seen = new Map<number, string>();
  let keys: [string, string] | undefined;
  const random = new Random(1);
  while (keys === undefined) {
    const key = random.hex(12);
    const check = crc32(use(key));
    const other = seen.get(check);
    if (other !== undefined) keys = [other, key];
    seen.set(check, key);
  }
  const lines = [
    encodeLine('{"format":"mcp-sessions","version":1,"id":"x","generation":2,"n":9'),
    encodeLine(`{"n":9,"o":["test",["put",${JSON.stringify(session)}]]`),
    ...keys.map((key) => encodeLine(use(key))),
  ];
  const { said, found } = await repaired(path, [...lines, lines[1]!, "\n"]);
  assertMatch(said, /line 5, .*: it is a copy of a line before it\n.*line 6, .*: it is empty\n/);
  assertEquals(found["test sess-1"]?.map(([key]) => key), keys.sort());
});

test("store repair: tells of a lost session's change in a line with others", async ({ path }) => {
  const lines = [
    encodeLine('{"format":"mcp-sessions","version":1,"id":"x","generation":2,"n":9'),
    encodeLine(`{"n":9,"o":["test",["put",${JSON.stringify(record("sess-1", forEver))}]]`),
    encodeLine('{"n":10,"o":["test",["drop","state-sess-1"],["use","state-sess-2",1,2]]'),
  ];
  const { verified, status, said } = await repaired(path, lines);
  assertEquals(verified.status, 0, "a store opens it");
  assertEquals(status, 1);
  for (const text of [verified.said, said]) {
    assertMatch(text, /is sound\.\n {2}line 3: of no use, as the line that began their session is/);
  }
});

test("store repair: a compacted file without a snapshot may have lost sessions", async ({ path }) => {
  const lines = [
    encodeLine('{"format":"mcp-sessions","version":1,"id":"x","generation":2,"n":9'),
    encodeLine(`{"n":10,"o":["test",["put",${JSON.stringify(record("sess-1", forEver))}]]`),
  ];
  const { verified, status, said } = await repaired(path, lines);
  assertEquals(verified.status, 0, "a store opens it");
  assertEquals(status, 1);
  assertMatch(said, /line 1: the file was compacted, and no line of its snapshot is there/);
});

Deno.test("store repair: copies a journal of another format line by line", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const lines = [
    encodeLine('{"format":"mcp-cookies","version":7,"id":"x","generation":1,"n":0'),
    encodeLine('{"n":1,"o":{"any":"thing"}'),
    encodeLine('{"n":2,"o":5').replace("5", "6"),
    encodeLine('{"n":3,"o":[null]'),
  ];
  await Deno.writeTextFile(path, lines.join(""));
  assertMatch((await run("verify", path)).said, /format: mcp-cookies 7.*\n.*not looked for/);
  assertEquals((await run("repair", path, "--to", `${path}.new`)).status, 1);
  const contents = (await Deno.readTextFile(`${path}.new`)).split("\n").slice(1, -1);
  assertEquals(contents.map((line) => JSON.parse(line).o), [{ any: "thing" }, [null]]);
});
