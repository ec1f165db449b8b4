/**
 * Damage to a jar's file: whatever it is, and whenever the repair is killed, every cookie whose line is
 * intact is there afterwards.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BridgeHost } from "../../support/bridge/host.ts";
import { fileTogether, KEY, namesIn, openJar } from "../../support/client/client_jar_fixture.ts";
import { User } from "../../support/client/client_sessions.ts";
import { encodeHeader } from "../../../store/journal/header.ts";
import { encodeLine } from "../../../store/journal/line_codec.ts";
import { sample } from "../../support/store/samples.ts";
import { tempFolder } from "../../support/store/stores.ts";
import { startServer } from "../../support/servers/server.ts";
import { Random, testSeed } from "../../support/random.ts";

/** A copy of a file with one random damage; its bytes are the characters of `text`. */
function damaged(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const end = at + random.below(random.pick([3, 50, 300, text.length]));
  const [before, piece, after] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
  const lines = text.split("\n");
  const line = random.below(lines.length);
  const flipped = (piece.charCodeAt(0) || 0) ^ 1 << random.below(8);
  const strange = random.pick(["\n", "\n\n", "\r", "\xff", "{", '{"n":7,"o":[']);
  return random.pick([
    before + String.fromCharCode(flipped) + piece.slice(1) + after,
    before + "\0".repeat(piece.length) + after,
    before + after,
    before + piece + piece + after,
    before + strange + piece + after,
    before,
    piece + after,
    lines.toSpliced(line, 1).join("\n"),
    lines.toSpliced(line, 0, lines[line]!).join("\n"),
    lines.toSpliced(random.below(lines.length), 0, lines[line]!).join("\n"),
  ]);
}

/** The cookies by profile that the intact ones of `lines` in `text` give, in order. */
function expected(text: string, lines: Iterable<string>): Map<string, string> {
  const found: { readonly at: number; readonly line: string }[] = [];
  for (const line of new Set(lines)) {
    for (let at = text.indexOf(line); at >= 0; at = text.indexOf(line, at + 1)) {
      found.push({ at, line });
    }
  }
  const cookies = new Map<string, string>();
  for (const { line } of found.sort((a, b) => a.at - b.at)) {
    const [kind, , profile, cookie] = JSON.parse(line).o;
    if (kind === "in") cookies.set(profile, cookie.id);
    else cookies.delete(profile);
  }
  return cookies;
}

/** The text of a jar in which many cookies were filed, changed and taken out. */
async function filled(path: string, changes: number, random: Random): Promise<string> {
  {
    await using jar = await openJar(path);
    for (let n = 0; n < changes; n++) {
      const key = { ...KEY, profile: `p${random.below(12)}` };
      const held = await jar.get(key);
      if (held !== undefined && random.chance(0.3)) await jar.delete(key, held.id);
      else await jar.set(key, { id: `id-${n}`, data: { title: "t".repeat(random.below(40)) } });
    }
  }
  return await Deno.readTextFile(path);
}

for (const [what, changes] of [["young", 40], ["compacted", 800]] as const) {
  Deno.test(`FileJar: keeps every intact cookie of a ${what} jar, after any damage`, async () => {
    const seed = testSeed();
    const random = new Random(seed);
    await using folder = await tempFolder();
    const text = await filled(`${folder.path}/sound.jsonl`, changes, random);
    const lines = text.split("\n").slice(1, -1);
    for (let run = 0; run < 150; run++) {
      const name = `run ${run} of seed ${seed}`;
      let broken = text;
      for (let times = 1 + random.below(3); times > 0; times--) broken = damaged(broken, random);
      const path = `${folder.path}/${run}.jsonl`;
      const content = Uint8Array.from(broken, (character) => character.charCodeAt(0));
      await Deno.writeFile(path, content);
      const warnings: string[] = [];
      const ids = await openJar(path, warnings).then(async (jar) => {
        const listed = await jar.list();
        await jar.close();
        return new Map(listed.map(({ profile, cookie }) => [profile, cookie.id]));
      }, (error) => {
        // A file of another format without a line of a jar is another program's.
        assert(String(error).includes("is not a file of"), `${name}: ${error}`);
        assertEquals(Deno.readFileSync(path), content);
        return new Map<string, string>();
      });
      assertEquals(ids, expected(broken, lines), `${name}: ${warnings}`);
      const isMended = warnings.some((warning) => warning.includes("broken-1"));
      if (isMended) assertEquals(Deno.readFileSync(`${path}.broken-1`), content, name);
      const again: string[] = [];
      await (await openJar(path, again).catch(() => undefined))?.close();
      assertEquals(again, [], name);
      for (const left of namesIn(folder.path)) await Deno.remove(`${folder.path}/${left}`);
    }
  });
}

/** A jar with a good cookie before its damaged line and one after it. */
async function withDamage(path: string): Promise<string> {
  {
    await using jar = await openJar(path);
    for (const profile of ["before", "damaged", "after"]) {
      await jar.set({ ...KEY, profile }, { id: profile });
    }
  }
  const text = (await Deno.readTextFile(path)).replace('"id":"damaged"', '"id":"damaged!"');
  await Deno.writeTextFile(path, text);
  return text;
}

async function profilesIn(path: string): Promise<string[]> {
  await using jar = await openJar(path);
  return (await jar.list()).map(({ profile }) => profile);
}

Deno.test("FileJar: a kill at any step of a repair loses no intact cookie", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const script = fileURLToPath(new URL("../../fixtures/client/jar.ts", import.meta.url));
  let kills = 0;
  for (let call = 1;; call++) {
    const text = await withDamage(path);
    const preload = new URL(`../../fixtures/killed_at.ts?call=${call}`, import.meta.url).href;
    const { code, signal } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--preload", preload, script, path, "file", "a", "0"],
      stdout: "null",
    }).output();
    const found = await Deno.readTextFile(path);
    assert(found === text || !found.includes("damaged"), `call ${call} leaves: ${found}`);
    assertEquals(await profilesIn(path), ["before", "after"], `call ${call}`);
    const copies = namesIn(folder.path).filter((name) => name.includes("broken"));
    assert(copies.some((name) => Deno.readTextFileSync(`${folder.path}/${name}`) === text));
    for (const name of namesIn(folder.path)) await Deno.remove(`${folder.path}/${name}`);
    if (signal === null) {
      assertEquals(code, 0);
      break;
    }
    assertEquals(signal, "SIGKILL");
    kills++;
  }
  assert(kills >= 8, `only ${kills} steps`);
});

Deno.test("FileJar: ten processes that find a damaged jar at once repair it once, and lose nothing", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const text = await withDamage(path);
  const warnings = await fileTogether(path, 5);
  assertEquals(warnings.length, 1, warnings.join("\n"));
  assert(warnings[0]?.includes("(cookies saved: 2, lines lost: 1)"), warnings[0]);
  assertEquals(await Deno.readTextFile(`${path}.broken-1`), text);
  assertEquals(namesIn(folder.path).filter((name) => name.includes("broken")).length, 1);
  const profiles = await profilesIn(path);
  assertEquals(profiles.filter((profile) => profile !== "default"), ["before", "after"]);
  assertEquals(profiles.length, 52);
});

Deno.test("sessions, bridge: a damaged line costs no other session", async () => {
  await using user = await User.create();
  await using server = await startServer({ server: "notebook", transport: "http" });
  const url = ["--url", server.url];
  const append = ["call", "notebook_append", '{"text":"x"}', ...url];
  const folder = { path: user.folder, [Symbol.asyncDispose]: () => Promise.resolve() };
  for (const count of [1, 2, 3]) {
    const { code, stdout, stderr } = await user.run(...append);
    assertEquals([code, stdout], [0, `Note ${count} is written.\n`]);
    assertEquals(/\(cookies saved: \d, lines lost: 1\)\n$/.test(stderr), count > 1, stderr);
    {
      await using host = await BridgeHost.connect(folder, ["--session", "named", ...url]);
      const { content } = await host.tool("notebook_append", { text: "x" });
      assertEquals(content.map(({ text }) => text), [`Note ${count} is written.`]);
      assertEquals([await host.endInput(), host.stderr], [0, []]);
    }
    await user.does("jar", "use", "https://example.com/mcp", "damaged");
    const text = await Deno.readTextFile(user.jar);
    await Deno.writeTextFile(user.jar, text.replace('"damaged"', '"damage!"'));
  }
});

Deno.test("FileJar: leaves a damaged store of sessions alone", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const text = new TextDecoder().decode((await sample(path)).bytes);
  const flipped = text.replace('"put"', '"pux"');
  for (const broken of [flipped, flipped.slice(20), flipped.slice(text.indexOf("\n") + 1)]) {
    await Deno.writeTextFile(path, broken);
    const error = await assertRejects(() => openJar(path), Error);
    assert(error.message.includes("not a file of mcp-sessions-jar"), error.message);
    assertEquals(await Deno.readTextFile(path), broken);
    assertEquals(namesIn(folder.path).filter((name) => name.includes("broken")), []);
  }
});

Deno.test("FileJar: leaves a jar of a newer version alone, damaged or not", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const header = { format: "mcp-sessions-jar", version: 2, id: "0", generation: 1, n: 0 };
  const line = encodeLine(`{"n":1,"o":${JSON.stringify(["in", "s", "p", { id: "a" }])}`);
  for (const text of [line, line.trimEnd(), line.replace('"a"', '"b"')]) {
    await Deno.writeTextFile(path, encodeHeader(header) + text);
    const error = await assertRejects(() => openJar(path), Error);
    assert(error.message.includes("was written by a newer version"), error.message);
    assertEquals(await Deno.readTextFile(path), encodeHeader(header) + text);
  }
});
