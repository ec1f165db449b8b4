/** Conduct that all programs share on the command line, whatever their flags. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { runProgram } from "../support/run_program.ts";

const PROGRAMS: readonly (readonly [script: string, name: string, boolean?: string])[] = [
  ["servers/notebook.ts", "notebook", "--version"],
  ["client/bridge.ts", "bridge", "--per-process"],
  ["client/sessions.ts", "sessions", "--full"],
  ["client/demo.ts", "demo"],
  ["store/admin.ts", "store"],
  ["tests/soak/main.ts", "soak"],
  ["tests/soak/torture.ts", "torture"],
  ["tasks/compile.ts", "compile"],
  ["tasks/pack.ts", "pack"],
  ["tasks/warm.ts", "warm"],
  ["bench/http.ts", "bench:http"],
  ["bench/store.ts", "bench:store"],
  ["bench/start.ts", "bench:start"],
  ["bench/stores/run.ts", "bench:stores"],
  ["bench/observers/run.ts", "bench:observers"],
];

const run = (script: string, ...args: string[]) =>
  runProgram([new URL(`../../${script}`, import.meta.url).href, ...args]);

for (const [script, name, boolean = "--help"] of PROGRAMS) {
  Deno.test(`${name}: a boolean flag with a value is a usage error`, async () => {
    for (const arg of [`${boolean}=no`, `--no-${boolean.slice(2)}=1`]) {
      const { code, stdout, stderr } = await run(script, arg);
      assertEquals([code, stdout], [2, ""], arg);
      assertMatch(
        stderr,
        new RegExp(`^${name}: [^\n]*${boolean.slice(2)}[^\n]* \\(see --help\\)\n$`),
      );
    }
  });

  Deno.test(`${name} --help: is text on stdout and status 0, even beside a wrong flag`, async () => {
    const { code, stdout, stderr } = await run(script, "--nonsense", "--help");
    assertEquals([code, stderr], [0, ""]);
    assert(stdout.includes("\nUsage: deno "), stdout);
    assertMatch(stdout, /^ {2}-h, --help +show this$/m);
    for (const line of stdout.split("\n")) assert(line.length <= 100, line);
  });
}
