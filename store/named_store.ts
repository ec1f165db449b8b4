/**
 * The store that an operator names on a command line.
 *
 * @module
 */

import { UsageError } from "../runtime/flags.ts";
import { readVariable } from "../runtime/state_folder.ts";
import { parseStoreUrl } from "./store_url.ts";

/**
 * The URL of the store that is named, or of the one in `MCP_SESSIONS_STORE`; a plain path names a file store.
 *
 * @param missing What to say if neither is there.
 * @throws {UsageError} saying so, or what is wrong with the URL.
 */
export async function namedStore(
  named: string | undefined,
  env: { get(name: string): string | undefined },
  missing: string,
): Promise<string> {
  const given = named ?? readVariable(env, "MCP_SESSIONS_STORE");
  if (!given) throw new UsageError(missing);
  const url = /^[a-z][a-z\d+.-]+:/i.test(given) ? given : `file:${given}`;
  try {
    await parseStoreUrl(url);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
  return url;
}
