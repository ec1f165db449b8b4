/**
 * Tests in a process whose environment has the token: Deno KV reads it nowhere else, and no test may change
 * the shared environment.
 */
import { assert } from "@std/assert";
import { TOKEN } from "./process.ts";

/** Files with the conformance kit. */
export const CONFORMANCE = ["conformance/conformance_test.ts"];
/** Failures of a remote KV; `deno test` does not find these names by itself. */
export const FAILURES = ["kv/remote_killed.ts", "kv/remote_once.ts", "kv/remote_waits.ts"];
/** The suite of rows, also where answers are lost. */
export const ROWS = ["kv/remote_rows.ts"];

/** Runs test files of `tests/store/`; a failure throws with their output. */
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
  // A run without tests proves nothing.
  assert(/ok \| [1-9]\d* passed \| 0 failed/.test(said), said);
}
