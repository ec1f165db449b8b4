/**
 * Keys for the state of calls that ask their clients for input, from the environment.
 *
 * @module
 */

import { UsageError } from "../../../runtime/flags.ts";
import { variable } from "./variables.ts";

const VARIABLE = "MCP_SESSIONS_KEYS";

/**
 * The keys in `MCP_SESSIONS_KEYS`, separated by commas: each is 32 random bytes in 64 hex digits, the first
 * seals, and all open. A variable that may not be read counts as unset.
 *
 * @throws {UsageError} if one is none. It does not say what stands there.
 */
export function givenKeys(): Uint8Array[] {
  const text = variable(VARIABLE);
  if (text === undefined) return [];
  return text.split(",").map((key, index) => {
    const hex = key.trim();
    if (/^[0-9a-f]{64}$/i.test(hex)) return Uint8Array.fromHex(hex);
    throw new UsageError(
      `${VARIABLE}: key ${index + 1} is not 64 hex digits, such as openssl rand -hex 32 makes; ` +
        "several are separated by commas",
    );
  });
}
