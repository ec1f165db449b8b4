/**
 * A jar's file that is broken, or that cannot be used.
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { findFile, setAside, whyBroken } from "../client/jar_aside.ts";
import {
  assertAllFiled,
  fileTogether,
  KEY,
  namesIn,
  openJar,
} from "./fixtures/client_jar_fixture.ts";
import { tempFolder } from "./store/stores.ts";
import { startServer } from "./support/server.ts";

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

const BREAK: readonly (readonly [what: string, (text: string) => string])[] = [
  ["has a flipped bit", (text) => text.replace("first", "firsu")],
  ["has lost a line", (text) => text.replace(/\n.*first.*\n/, "\n")],
  ["has a damaged first line", (text) => text.replace('"version"', '"wersion"')],
  ["is a diary", () => "Dear diary,\nit rained.\n"],
  ["is JSON", () => '{"cookies":[]}\n'],
  ["is binary", () => "\0\x01\x02".repeat(5000)],
];

for (const [what, change] of BREAK) {
  Deno.test(`FileJar: a jar that ${what} is set aside, and an empty one begun`, async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/cookies.jsonl`;
    const broken = change(await sound(folder.path));
    await Deno.writeTextFile(path, broken);
    const warnings: string[] = [];
    await using jar = await openJar(path, warnings);
    assertEquals(await jar.list(), []);
    assertEquals(warnings.length, 1);
    assert(warnings[0]!.includes(path) && warnings[0]!.includes(`${path}.broken-1`), warnings[0]);
    assert(!warnings[0]!.includes("\n"));
    await jar.set(KEY, { id: "new" });
    assertEquals(await Deno.readTextFile(`${path}.broken-1`), broken, "it is kept as it was");
    await using again = await openJar(path, warnings);
    assertEquals(await again.get(KEY), { id: "new" });
    assertEquals(warnings.length, 1);
  });
}

Deno.test("FileJar: whoever comes late to a broken jar does not move the one that was begun", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  await Deno.writeTextFile(path, "broken\n");
  // As another process has it, which has just seen that the file is broken.
  const found = findFile(path);
  assert(found);
  await Deno.rename(path, `${path}.away`);
  assertEquals(whyBroken(found, true), whyBroken({ ...found, path: `${path}.away` }, true));
  await Deno.rename(`${path}.away`, path);
  await using jar = await openJar(path);
  await jar.set(KEY, { id: "a" });
  assertEquals(await setAside(found), undefined);
  assertEquals(await jar.get(KEY), { id: "a" });
  assertEquals(namesIn(folder.path).filter((name) => name.includes("broken")).length, 1);
});

Deno.test("FileJar: a second broken jar does not take the place of the first", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  for (const text of ["one\n", "two\n"]) {
    await Deno.writeTextFile(path, text);
    await (await openJar(path)).close();
  }
  assertEquals(await Deno.readTextFile(`${path}.broken-1`), "one\n");
  assertEquals(await Deno.readTextFile(`${path}.broken-2`), "two\n");
});

Deno.test("FileJar: behind a symbolic link, the file is set aside and not the link", async () => {
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

Deno.test("FileJar: one that breaks, or is removed, while it is open is begun anew", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const warnings: string[] = [];
  await using jar = await openJar(path, warnings);
  await using other = await openJar(path, warnings);
  await jar.set(KEY, { id: "a" });
  await Deno.writeTextFile(path, "not a line\n", { append: true });
  const results = await Promise.all([jar.get(KEY), jar.set(KEY, { id: "b" }), jar.list()]);
  assertEquals(results[0]?.id === "a", false);
  assertEquals(await other.get(KEY), { id: "b" });
  await other.set(KEY, { id: "c" });
  assertEquals(await jar.get(KEY), { id: "c" });
  assertEquals(warnings.length, 1);
  await Deno.remove(path);
  // A read may take a millisecond to find out.
  while (await jar.get(KEY) !== undefined);
  await other.set(KEY, { id: "d" });
  assertEquals(await jar.get(KEY), { id: "d" });
});

Deno.test("FileJar: what is not a jar's own file is left alone, and said to be in the way", async () => {
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

// Root may read and write everything, unless it has given up its capabilities.
const powerless = ["unshare", "-U"] as const;
const canTry = Deno.build.os === "linux" &&
  new Deno.Command(powerless[0], { args: [powerless[1], "true"], stderr: "null" }).outputSync()
    .success;

async function filePowerless(path: string) {
  const script = new URL("./fixtures/client_jar.ts", import.meta.url).href;
  const { stdout, stderr, code } = await new Deno.Command(powerless[0], {
    args: [
      powerless[1],
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      script,
      path,
      "file",
      "a",
      "1",
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

Deno.test({
  name: "FileJar: a jar that this user may not read is set aside",
  ignore: !canTry,
  fn: async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/cookies.jsonl`;
    await Deno.writeTextFile(path, await sound(folder.path), { mode: 0o000 });
    const { code, stdout, stderr } = await filePowerless(path);
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.includes("this user may not use it") && stdout.includes(`${path}.broken-1`));
    await using jar = await openJar(path);
    assertEquals((await jar.list()).map(({ cookie }) => cookie.id), ["a-1"]);
  },
});

Deno.test({
  name: "FileJar: a folder that can't be written is a clear error",
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

Deno.test("FileJar: ten processes that meet a broken jar at once set it aside once, and lose nothing", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  await Deno.writeTextFile(path, "Dear diary\n");
  const warnings = await fileTogether(path, 5);
  assertEquals(warnings.length, 1, warnings.join("\n"));
  assert(warnings[0]!.includes(`${path}.broken-1`));
  assertEquals(await Deno.readTextFile(`${path}.broken-1`), "Dear diary\n");
  assertEquals(namesIn(folder.path).filter((name) => name.includes("broken")).length, 1);
  await assertAllFiled(path, 5);
});
