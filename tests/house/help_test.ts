/** `--help` of every program that `deno task` starts. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { CLEAN_ENV } from "../support/environment.ts";
import { ROOT } from "./pages.ts";

const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));

/** The words of a task's program, without the shell's before it. */
function programOf(command: string): string[] | undefined {
  return /(?:^|&& )deno (run .*)$/.exec(command)?.[1]?.split(" ");
}

for (const [name, { command }] of Object.entries<{ command: string }>(tasks)) {
  const program = programOf(command);
  if (program === undefined) continue;
  Deno.test(`deno task ${name}: --help says what it does and how to start it`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...program, "--help"],
      cwd: ROOT,
      env: { ...CLEAN_ENV, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertMatch(text, /^\w/);
    const file = program.find((word) => word.endsWith(".ts"));
    const starts = [`Usage: deno task ${name}`, `Usage: deno run -A ${file}`];
    assert(starts.some((start) => text.includes(start)), text);
    assertMatch(text, /^ {2}-h, --help +show this$/m);
  });
}
