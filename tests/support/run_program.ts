/** Runs of programs that end by themselves. */

import { CLEAN_ENV } from "./environment.ts";

/** Runs `deno run -A` with these arguments and without input, and returns what it printed. */
export async function runProgram(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...args],
    env: { ...CLEAN_ENV, NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
