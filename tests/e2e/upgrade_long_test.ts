/** Stores and jars of the first version, opened by the programs of this one. */

import { join } from "node:path";
import told from "../fixtures/3443e0b/told.json" with { type: "json" };
import { tempFolder } from "../support/store/stores.ts";
import { Programs } from "../support/upgrade/programs.ts";
import type { Gone, JarWay } from "../support/upgrade/ways.ts";

const ROOT = new URL("../..", import.meta.url);
const FIXTURES = new URL("../fixtures/3443e0b/", import.meta.url);
const sessions: Record<string, Gone[]> = JSON.parse(JSON.stringify(told.sessions));
const jar: JarWay[] = JSON.parse(JSON.stringify(told.jar));

/** Copies a fixture, which stays private. */
async function copy(name: string, to: string): Promise<void> {
  await Deno.copyFile(new URL(name, FIXTURES), to);
  await Deno.chmod(to, 0o600);
}

for (const [kind, name] of [["file", "sessions.jsonl"], ["kv", "sessions.kv"]] as const) {
  Deno.test(`upgrade from 3443e0b: every session in a ${kind} store is found unchanged`, async (t) => {
    await using folder = await tempFolder();
    const path = join(folder.path, name);
    await copy(name, path);
    const programs = new Programs(ROOT, folder.path, `${kind}:${path}`);
    for (const gone of sessions[kind] ?? []) {
      await t.step(gone.what, () => programs.find(gone));
    }
  });
}

Deno.test("upgrade from 3443e0b: every session in a jar is found unchanged", async (t) => {
  await using folder = await tempFolder();
  const store = join(folder.path, "sessions.jsonl");
  await copy("sessions.jsonl", store);
  await Deno.mkdir(join(folder.path, "mcp-sessions"), { mode: 0o700 });
  await copy("cookies.jsonl", join(folder.path, "mcp-sessions", "cookies.jsonl"));
  const programs = new Programs(ROOT, folder.path, `file:${store}`);
  for (const way of jar) await t.step(`${way.program}: ${way.what}`, () => programs.refind(way));
});
