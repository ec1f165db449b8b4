/**
 * The session capability: in `capabilities.experimental` of an `initialize` result (section 1 of the
 * contract), and as an extension, in either era and on both sides (section 10).
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";

/** The value of `capabilities.experimental.session` in an `initialize` result, and of the extension. */
export const CAPABILITY = { version: 2, features: ["create", "list", "delete"] } as const;

/** The identifier of the extension, and the cookie's key in `_meta` in the modern era. */
export const EXTENSION = "io.github.mcp-sessions/session";

export function withCapability(result: Record<string, unknown>): Record<string, unknown> {
  const capabilities = isObject(result.capabilities) ? result.capabilities : {};
  const experimental = isObject(capabilities.experimental) ? capabilities.experimental : {};
  return {
    ...result,
    capabilities: {
      ...withExtension(capabilities, CAPABILITY),
      experimental: { ...experimental, session: CAPABILITY },
    },
  };
}

/** The capabilities of a server or a client with the extension. */
export function withExtension(
  capabilities: Record<string, unknown>,
  value: object,
): Record<string, unknown> {
  const extensions = isObject(capabilities.extensions) ? capabilities.extensions : {};
  return { ...capabilities, extensions: { ...extensions, [EXTENSION]: value } };
}

/** Whether the capabilities of a client declare the extension. */
export function declaresExtension(capabilities: unknown): boolean {
  return isObject(member(member(capabilities, "extensions"), EXTENSION));
}
