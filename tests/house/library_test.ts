/** What the library loads: no program, and nothing that only programs read. */

import { assert } from "@std/assert";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
/** Modules of programs alone; so is each that looks whether it is the main module. */
const OF_PROGRAMS = [
  "deno.json",
  "runtime/flags.ts",
  "runtime/flag_types.ts",
  "runtime/log_to_stderr.ts",
  "servers/base/serve/",
];

const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
const { "./serve": _program, ...library }: Record<string, string> = config.exports;

for (const [name, file] of Object.entries(library)) {
  Deno.test(`export ${name}: its module graph has no flags, no deno.json and no program`, async () => {
    const { success, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", fileURLToPath(new URL(file, ROOT))],
    }).output();
    assert(success);
    const { modules } = JSON.parse(new TextDecoder().decode(stdout));
    const ours: string[] = modules.map(({ specifier }: { specifier: string }) => specifier)
      .filter((specifier: string) => specifier.startsWith(ROOT.href));
    assert(ours.length > 10, `${ours}`);
    for (const specifier of ours) {
      const path = specifier.slice(ROOT.href.length);
      const isProgram = OF_PROGRAMS.some((place) => path.startsWith(place)) ||
        (await Deno.readTextFile(new URL(specifier))).includes("import.meta.main");
      assert(!isProgram, `${file} loads ${path}: move what the library needs out of it`);
    }
  });
}
