/** Deno's cache of downloads. A child process without it downloads everything again. */

import { assert } from "@std/assert";
import { output } from "./output.ts";

/**
 * Variables for a child process that runs Deno with the same cache. The SDK's stdio transport passes on
 * few variables, and not `DENO_DIR`.
 */
export const DENO_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  ["PATH", "HOME", "DENO_DIR"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }),
);

/** The value for DENO_DIR. */
export async function denoDir(): Promise<string> {
  const { stdout } = await output(Deno.execPath(), { args: ["info", "--json"] });
  const { denoDir } = JSON.parse(stdout);
  assert(typeof denoDir === "string");
  return denoDir;
}
