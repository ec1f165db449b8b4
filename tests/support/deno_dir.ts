/**
 * Deno's cache of downloads. A child process that is not told where it is downloads everything again.
 *
 * @module
 */

import { assert } from "@std/assert";

/**
 * What a child process needs of this one's environment to run Deno with the same cache. The SDK's
 * stdio transport passes on only a few variables, and `DENO_DIR` is none of them.
 */
export const DENO_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  ["PATH", "HOME", "DENO_DIR"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }),
);

/** The value for DENO_DIR. */
export async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  assert(typeof denoDir === "string");
  return denoDir;
}
