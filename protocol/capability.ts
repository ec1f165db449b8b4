/**
 * The session capability in an `initialize` result (section 1 of the contract).
 *
 * @module
 */

import { isObject } from "../runtime/json.ts";

/** The value of `capabilities.experimental.session` in an `initialize` result. */
export const CAPABILITY = { version: 2, features: ["create", "list", "delete"] } as const;

export function withCapability(result: Record<string, unknown>): Record<string, unknown> {
  const capabilities = isObject(result.capabilities) ? result.capabilities : {};
  const experimental = isObject(capabilities.experimental) ? capabilities.experimental : {};
  return {
    ...result,
    capabilities: { ...capabilities, experimental: { ...experimental, session: CAPABILITY } },
  };
}
