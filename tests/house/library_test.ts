/** What the library loads: no program, and nothing that only programs read. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
/** Modules of programs alone; so is each that looks whether it is the main module. */
const OF_PROGRAMS = [
  "deno.json",
  "runtime/flags.ts",
  "runtime/flag_types.ts",
  "runtime/terminal/log_to_stderr.ts",
  "servers/base/serve/",
];

const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
const { "./serve": _program, ...library }: Record<string, string> = config.exports;

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier: string };
  }[];
}

/** All modules that a file of ours imports, at once or later. */
async function graphOf(file: string): Promise<readonly Module[]> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", fileURLToPath(new URL(file, ROOT))],
  }).output();
  assert(success);
  return JSON.parse(new TextDecoder().decode(stdout)).modules;
}

Deno.test("store/open.ts loads nothing of a backend before it knows which one", async () => {
  const modules = new Map((await graphOf("store/open.ts")).map((each) => [each.specifier, each]));
  const loaded = new Set([new URL("store/open.ts", ROOT).href]);
  for (const specifier of loaded) {
    for (const { code, isDynamic = false } of modules.get(specifier)?.dependencies ?? []) {
      if (code !== undefined && !isDynamic) loaded.add(code.specifier);
    }
  }
  assert(loaded.size > 3, `${[...loaded]}`);
  const backends = [...loaded].filter((each) => /\/store\/\w+\/|^node:fs|^npm:/.test(each));
  assertEquals(backends, []);
});

for (const [name, file] of Object.entries(library)) {
  Deno.test(`export ${name}: its module graph has no flags, no deno.json and no program`, async () => {
    const modules = await graphOf(file);
    const ours: string[] = modules.map(({ specifier }) => specifier)
      .filter((specifier) => specifier.startsWith(ROOT.href));
    assert(ours.length > 10, `${ours}`);
    for (const specifier of ours) {
      const path = specifier.slice(ROOT.href.length);
      const isProgram = OF_PROGRAMS.some((place) => path.startsWith(place)) ||
        (await Deno.readTextFile(new URL(specifier))).includes("import.meta.main");
      assert(!isProgram, `${file} loads ${path}: move what the library needs out of it`);
    }
  });
}
