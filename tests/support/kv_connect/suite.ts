/**
 * Tests in a process whose environment has the token: Deno KV reads it nowhere else, and no test may
 * change the environment of all.
 *
 * @module
 */
import { assert } from "@std/assert";
import { TOKEN } from "./process.ts";

/** The files that every store's conformance is in. */
export const CONFORMANCE = ["conformance/conformance_test.ts"];
/** How a remote KV fails; these have no names that `deno test` finds by itself. */
export const FAILURES = ["kv/remote_killed.ts", "kv/remote_once.ts", "kv/remote_waits.ts"];

/** Runs test files of `tests/store/`; when one fails, so does the caller with what they said. */
export async function runWithToken(
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const folder = new URL("../../store/", import.meta.url);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--no-check",
      "--parallel",
      ...files.map((file) => new URL(file, folder).href),
    ],
    cwd: new URL("../../../", import.meta.url),
    env: { DENO_KV_ACCESS_TOKEN: TOKEN, NO_COLOR: "1", ...env },
  }).output();
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  assert(success, said);
  // A suite that ran nothing proves nothing.
  assert(/ok \| [1-9]\d* passed \| 0 failed/.test(said), said);
}
