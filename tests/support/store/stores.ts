/**
 * Helpers for tests of one store.
 *
 * @module
 */

export { all, increment, put, record } from "../../../store/conformance/cases.ts";

/** Of a session that never expires. */
export const forEver = { expiresAt: Number.MAX_SAFE_INTEGER };

/** A folder that is removed at the end of the scope. */
export async function tempFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "mcp-sessions-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
