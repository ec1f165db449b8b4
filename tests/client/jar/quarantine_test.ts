/** Quarantine of broken jars, and files that are left alone. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { findJarFile, quarantine } from "../../../client/jar/quarantine.ts";
import { KEY, namesIn, openJar } from "../../support/client/client_jar_fixture.ts";
import { encodeLine } from "../../../store/journal/line_codec.ts";
import { tempFolder } from "../../support/store/stores.ts";
import { startServer } from "../../support/servers/server.ts";

const BOTH = ["first", "second"];

const nuls = (text: string) => "\0".repeat(text.length);

/** A line with its checksum. */
function lineOf(content: unknown): string {
  return encodeLine(`{"n":3,"o":${JSON.stringify(content)}`);
}

/** The text of a jar with two cookies. */
async function sound(folder: string): Promise<string> {
  const path = `${folder}/sound.jsonl`;
  {
    await using jar = await openJar(path);
    await jar.set(KEY, { id: "first" });
    await jar.set({ ...KEY, profile: "other" }, { id: "second" });
  }
  const text = await Deno.readTextFile(path);
  for (const name of [path, `${path}.lock`]) await Deno.remove(name);
  return text;
}

const LINE = /^.*first.*\n/m;

/** Changes of the file, the cookies that are saved, and the number of lines lost. */
const BREAK: readonly (readonly [
  what: string,
  change: (text: string) => string,
  saved: readonly string[],
  lost: number,
])[] = [
  ["has a flipped bit", (text) => text.replace("first", "firsu"), ["second"], 1],
  ["has a flipped bit in its last line", (text) => text.replace("second", "secone"), ["first"], 1],
  ["has lost a line", (text) => text.replace(LINE, ""), ["second"], 1],
  ["has a damaged first line", (text) => text.replace('"version"', '"wersion"'), BOTH, 1],
  ["names a format of one other letter", (text) => text.replace("jar", "jas"), BOTH, 1],
  ["has lost its first line", (text) => text.replace(/^.*\n/, ""), BOTH, 0],
  ["has lost its head", (text) => text.slice(text.indexOf("first")), ["second"], 1],
  ["has NULs for a head", (text) => text.replace(/^.*\n.{20}/, nuls), ["second"], 1],
  ["has NULs for a line", (text) => text.replace(LINE, nuls), ["second"], 1],
  ["has NULs in place of newlines", (text) => text.replaceAll("\n", "\0"), BOTH, 0],
  ["has an empty line", (text) => text.replace("\n", "\n\n"), BOTH, 0],
  ["ends in an empty line", (text) => `${text}\n`, BOTH, 0],
  ["begins with an empty line", (text) => `\n${text}`, BOTH, 1],
  ["was saved by an editor", (text) => `\ufeff${text.replaceAll("\n", "\r\n")}`, BOTH, 1],
  ["has a line of another kind", (text) => text + lineOf(["lend", "s", "p"]), BOTH, 1],
  ["has garbage before a line", (text) => text.replace(LINE, (line) => `\0\xffx${line}`), BOTH, 1],
  [
    "lacks its last newline, too",
    (text) => `${text.trimEnd()}`.replace("first", "x"),
    ["second"],
    1,
  ],
];

for (const [what, change, saved, lost] of BREAK) {
  Deno.test(`FileJar: saves the intact cookies of a jar that ${what}`, async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/cookies.jsonl`;
    const broken = change(await sound(folder.path));
    await Deno.writeTextFile(path, broken);
    const warnings: string[] = [];
    {
      await using jar = await openJar(path, warnings);
      assertEquals((await jar.list()).map(({ cookie }) => cookie.id), saved);
      await jar.set({ ...KEY, profile: "third" }, { id: "new" });
    }
    const [warning = "", ...more] = warnings;
    assertEquals(more, []);
    assert(!warning.includes("\n") && warning.includes(`${path} was damaged`), warning);
    assert(warning.includes(`it was moved to ${path}.broken-1,`), warning);
    assert(warning.endsWith(`(cookies saved: ${saved.length}, lines lost: ${lost})`), warning);
    assertEquals(await Deno.readTextFile(`${path}.broken-1`), broken, "it is kept as it was");
    for (const name of namesIn(folder.path)) {
      assertEquals((await Deno.stat(`${folder.path}/${name}`)).mode! & 0o077, 0, name);
    }
    await using again = await openJar(path, warnings);
    assertEquals((await again.list()).map(({ cookie }) => cookie.id), [...saved, "new"]);
    assertEquals(warnings.length, 1);
  });
}

const NO_JAR: readonly (readonly [what: string, text: string])[] = [
  ["a diary", "Dear diary,\nit rained.\n"],
  ["JSON", '{"cookies":[]}\n'],
  ["binary", "\0\x01\x02".repeat(5000)],
];

for (const [what, text] of NO_JAR) {
  Deno.test(`FileJar: moves ${what} aside and creates an empty jar`, async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/cookies.jsonl`;
    await Deno.writeTextFile(path, text);
    const warnings: string[] = [];
    await using jar = await openJar(path, warnings);
    assertEquals(await jar.list(), []);
    assertEquals(warnings, [
      `The cookie jar ${path} is damaged or not a jar: it was moved to ${path}.broken-1, and an ` +
      "empty jar was created",
    ]);
    await jar.set(KEY, { id: "new" });
    assertEquals(await Deno.readTextFile(`${path}.broken-1`), text, "it is kept as it was");
    await using again = await openJar(path, warnings);
    assertEquals(await again.get(KEY), { id: "new" });
    assertEquals(warnings.length, 1);
  });
}

Deno.test("FileJar: the later of two lines about one cookie counts, if it is intact", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const profiles = ["set twice", "set and lost", "deleted", "deleted and lost"];
  {
    await using jar = await openJar(path);
    for (const profile of profiles) await jar.set({ ...KEY, profile }, { id: "old" });
    for (const profile of profiles.slice(0, 2)) await jar.set({ ...KEY, profile }, { id: "new" });
    for (const profile of profiles.slice(2)) await jar.delete({ ...KEY, profile }, "old");
  }
  const lines = (await Deno.readTextFile(path)).split("\n");
  const flip = (n: number) => lines[n] = lines[n]?.replace("mcp", "mcq") ?? "";
  flip(6);
  flip(8);
  await Deno.writeTextFile(path, lines.join("\n"));
  await using jar = await openJar(path);
  // The server decides whether a cookie that comes back is valid.
  assertEquals((await jar.list()).map(({ profile, cookie }) => `${profile}: ${cookie.id}`), [
    "set twice: new",
    "set and lost: old",
    "deleted and lost: old",
  ]);
});

Deno.test("quarantine: a process that is late leaves the new jar alone", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  await Deno.writeTextFile(path, "broken\n");
  // Another process has just found the file broken.
  using found = findJarFile(path);
  assert(found);
  const warnings: string[] = [];
  await using jar = await openJar(path, warnings);
  await jar.set(KEY, { id: "a" });
  assertEquals(
    await quarantine(found, { now: Date.now, warn: (text) => warnings.push(text) }),
    true,
  );
  assertEquals(await jar.get(KEY), { id: "a" });
  assertEquals(warnings.length, 1);
  assertEquals(namesIn(folder.path).filter((name) => name.includes("broken")).length, 1);
});

Deno.test("FileJar: a second broken jar does not overwrite the first", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  for (const text of ["one\n", "two\n"]) {
    await Deno.writeTextFile(path, text);
    await (await openJar(path)).close();
  }
  assertEquals(await Deno.readTextFile(`${path}.broken-1`), "one\n");
  assertEquals(await Deno.readTextFile(`${path}.broken-2`), "two\n");
});

Deno.test("FileJar: moves the file behind a symbolic link aside, not the link", async () => {
  await using folder = await tempFolder();
  const [path, link] = [`${folder.path}/cookies.jsonl`, `${folder.path}/link`];
  await Deno.writeTextFile(path, "broken\n");
  await Deno.symlink(path, link);
  await using jar = await openJar(link);
  await jar.set(KEY, { id: "a" });
  assert(Deno.lstatSync(link).isSymlink);
  assertEquals(
    await Deno.readTextFile(`${Deno.realPathSync(folder.path)}/cookies.jsonl.broken-1`),
    "broken\n",
  );
});

Deno.test("FileJar: opens a new file when an open one breaks or is removed", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const warnings: string[] = [];
  await using jar = await openJar(path, warnings);
  await using other = await openJar(path, warnings);
  await jar.set(KEY, { id: "a" });
  await Deno.writeTextFile(path, "not a line\n", { append: true });
  const results = await Promise.all([jar.get(KEY), jar.set(KEY, { id: "b" }), jar.list()]);
  assertEquals(results[0], { id: "a" });
  assertEquals(await other.get(KEY), { id: "b" });
  await other.set(KEY, { id: "c" });
  assertEquals(await jar.get(KEY), { id: "c" });
  assertEquals(warnings.length, 1);
  await Deno.remove(path);
  // A stat of the path is cached for a millisecond.
  while (await jar.get(KEY) !== undefined);
  await other.set(KEY, { id: "d" });
  assertEquals(await jar.get(KEY), { id: "d" });
});

Deno.test("FileJar: leaves a foreign file alone, and says that it is in the way", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await (await startServer({ server: "notebook", transport: "stdio", store: `file:${path}` })
    .then(async (server) => {
      await server.initialize();
      await server.create();
      return server;
    })).endInput();
  const before = await Deno.readTextFile(path);
  assertMatch((await assertRejects(() => openJar(path), Error)).message, /not a file of mcp-sess/);
  assertEquals(await Deno.readTextFile(path), before);
  const inTheWay = await assertRejects(() => openJar(folder.path), Error);
  assert(inTheWay.message.includes("not a regular file"), inTheWay.message);
  await Deno.writeTextFile(`${folder.path}/file`, "");
  const noFolder = await assertRejects(() => openJar(`${folder.path}/file/cookies.jsonl`), Error);
  assert(noFolder.message.includes(`Cannot make the folder ${folder.path}/file`), noFolder.message);
});

// Root may read and write everything, except in a user namespace of its own.
const [runner, ...asNobody] = Deno.uid() === 0 ? ["unshare", "-U"] : ["env"];
const canTry = Deno.build.os === "linux" &&
  new Deno.Command(runner!, { args: [...asNobody, "true"], stderr: "null" }).outputSync().success;

async function filePowerless(path: string) {
  const script = new URL("../../fixtures/client/jar.ts", import.meta.url).href;
  const deno = [Deno.execPath(), "run", "-A", "--no-check"];
  const { stdout, stderr, code } = await new Deno.Command(runner!, {
    args: [...asNobody, ...deno, script, path, "file", "a", "1"],
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

Deno.test({
  name: "FileJar: leaves a jar that this user may not read or write alone",
  ignore: !canTry,
  fn: async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/cookies.jsonl`;
    const text = await sound(folder.path);
    for (const [mode, content] of [[0o000, text], [0o400, text], [0o000, text.slice(9)]] as const) {
      await Deno.writeTextFile(path, content);
      await Deno.chmod(path, mode);
      const { code, stdout, stderr } = await filePowerless(path);
      assertEquals([code, stdout], [1, "started\n"]);
      assertMatch(
        stderr,
        /Cannot open .*cookies\.jsonl: this user may not do that; change the mode/,
      );
      assertEquals(namesIn(folder.path), ["cookies.jsonl", "cookies.jsonl.lock"]);
      assertEquals((await Deno.stat(path)).mode! & 0o777, mode);
      await Deno.chmod(path, 0o600);
      assertEquals(await Deno.readTextFile(path), content);
    }
  },
});

Deno.test({
  name: "FileJar: a folder that cannot be written is a clear error",
  ignore: !canTry,
  fn: async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/cookies.jsonl`;
    for (const content of ["", "broken\n"]) {
      await Deno.writeTextFile(path, content);
      await Deno.chmod(folder.path, 0o500);
      const { code, stderr } = await filePowerless(path);
      await Deno.chmod(folder.path, 0o700);
      assertEquals(code, 1);
      assertMatch(stderr, /Cannot open .*cookies\.jsonl.*this user may not do that/);
      assertEquals(await Deno.readTextFile(path), content);
    }
  },
});
