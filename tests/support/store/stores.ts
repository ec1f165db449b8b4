/**
 * What the tests of single stores start from.
 *
 * @module
 */

export { all, increment, put, record } from "../../../store/conformance/cases.ts";

/** A folder that is gone at the end of the scope. */
export async function tempFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "mcp-sessions-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
