/** What `deno publish` would send to JSR, by its dry run. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { ROOT } from "../house/pages.ts";
import { output } from "../support/output.ts";

const config = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));

/** Output of Deno in the project's folder. */
async function deno(...args: string[]): Promise<string> {
  const run = await output(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } });
  assert(run.success, run.stderr);
  return `${run.stdout}${run.stderr}`;
}

/** The modules of ours that the exports lead to. */
async function modulesOfExports(): Promise<Set<string>> {
  const found = new Set<string>();
  for (const file of Object.values<string>(config.exports)) {
    const { modules } = JSON.parse(await deno("info", "--json", "--quiet", file));
    for (const { specifier } of modules) {
      if (!specifier.startsWith("file:")) continue;
      const path = fileURLToPath(specifier).slice(ROOT.length + 1).replaceAll("\\", "/");
      if (!path.startsWith("offline/")) found.add(path);
    }
  }
  return found;
}

Deno.test("deno publish: has nothing to say, and sends what the exports load and no other module", async () => {
  const said = await deno("publish", "--dry-run", "--allow-dirty");
  assert(said.includes("Dry run complete"), said);
  assert(!/^(?:warning|error)/m.test(said), said);
  const sent = Array.from(
    said.matchAll(/^ +(file:\S+)/gm),
    ([, url = ""]) => fileURLToPath(url).slice(ROOT.length + 1).replaceAll("\\", "/"),
  );
  // The stand-ins are sent only where they are linked: a release is made without.
  const own = sent.filter((path) => !path.startsWith("offline/"));
  const pages = ["CHANGELOG.md", "LICENSE", "PROTOCOL.md", "README.md", "SECURITY.md"];
  const expected = new Set([...await modulesOfExports(), ...pages, "deno.json"]);
  const remedy = "name what only programs load in publish.exclude of deno.json";
  assertEquals(own.sort(), [...expected].sort(), remedy);
});

Deno.test("JSR: every export has module docs", async () => {
  for (const file of Object.values<string>(config.exports)) {
    const text = await Deno.readTextFile(`${ROOT}/${file}`);
    const [docs = ""] = /^\/\*\*[^]*?\*\//.exec(text) ?? [];
    assert(docs.includes("@module"), `${file} has no @module`);
  }
});
