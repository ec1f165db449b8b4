/**
 * Where Deno keeps what it has downloaded: a process that is given a home of its own must be told, or
 * it downloads everything again.
 *
 * @module
 */

import { assert } from "@std/assert";

/** The value for DENO_DIR. */
export async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  assert(typeof denoDir === "string");
  return denoDir;
}
