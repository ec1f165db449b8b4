/**
 * Session owner: a principal, or `null` without authentication (section 6 of the contract).
 *
 * @module
 */

import { typeName } from "../../../protocol/errors.ts";
import { isObject } from "../../../runtime/json.ts";

/**
 * The principal behind a request: issuer, client and subject. The token's bytes are no part of it, so
 * that a refreshed token keeps its sessions. `null` for a caller without authentication.
 *
 * @throws {TypeError} if `authInfo` could stand for several callers: they would share their sessions.
 */
export function ownerOf(authInfo: unknown): string | null {
  if (authInfo === undefined || authInfo === null) return null;
  if (!isObject(authInfo)) throw ambiguous("authInfo", "an object", authInfo);
  const { clientId, extra = null } = authInfo;
  if (extra !== null && !isObject(extra)) throw ambiguous("extra", "an object", extra);
  if (!isName(clientId)) throw ambiguous("clientId", "a text that is not empty", clientId);
  const { iss = null, sub = null } = extra ?? {};
  for (const [name, value] of [["extra.iss", iss], ["extra.sub", sub]] as const) {
    if (value === null || isName(value) || Number.isFinite(value)) continue;
    throw ambiguous(name, "a text that is not empty, or a number", value);
  }
  return JSON.stringify([iss, clientId, sub]);
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function ambiguous(name: string, expected: string, value: unknown): TypeError {
  const current = `current value is ${typeName(value)}`;
  return new TypeError(`Cannot identify the caller as ${name} must be ${expected}: ${current}`);
}
