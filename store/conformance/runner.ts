/**
 * Runner: what the kit needs of the program that runs the tests.
 *
 * @module
 */

import { getBuiltinModule } from "node:process";
import { isDeno } from "../../runtime/deno_version.ts";

/** Registers a test. */
export function test(name: string, run: () => Promise<void>): void {
  if (isDeno) Deno.test(name, run);
  else void getBuiltinModule("node:test").test(name, run);
}

/** Makes an empty folder for one test. */
export async function makeFolder(prefix: string): Promise<string> {
  if (isDeno) return await Deno.makeTempDir({ prefix });
  const [{ mkdtemp }, { tmpdir }, { join }] = [
    getBuiltinModule("node:fs/promises"),
    getBuiltinModule("node:os"),
    getBuiltinModule("node:path"),
  ];
  return await mkdtemp(join(tmpdir(), prefix));
}

/** Removes a folder with all that is in it. */
export async function removeFolder(path: string): Promise<void> {
  if (isDeno) await Deno.remove(path, { recursive: true });
  else await getBuiltinModule("node:fs/promises").rm(path, { recursive: true });
}
