/**
 * The JSON-RPC errors of the contract: codes and texts, among them all texts of -32002.
 *
 * @module
 */

import type { Json } from "../runtime/json.ts";
import { META_KEY } from "./cookie.ts";
import { METHOD } from "./methods.ts";

export const CODE = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** The error of a missing session in the legacy era. */
  sessionRequired: -32002,
  /** The same in the modern era, which has -32002 for nothing. */
  modernSessionRequired: -31002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** A JSON-RPC error on its way to the peer. */
export class WireError extends Error {
  readonly code: number;
  readonly data: Json | undefined;

  constructor(code: number, message: string, data?: Json) {
    super(message);
    this.name = "WireError";
    this.code = code;
    this.data = data;
  }
}

/** The error for a wrong type in `params`, which names the field. */
export function invalid(field: string, expected: string, value: unknown): WireError {
  return new WireError(
    CODE.invalidParams,
    `${field} must be ${expected}: it is ${typeName(value)}`,
  );
}

/** The type alone, for an error: the value may be a secret in the wrong place. */
export function typeName(value: unknown): string {
  return Array.isArray(value) ? "an array" : value === null ? "null" : typeof value;
}

const WHY_REQUIRED = {
  missing: "The request carries no session cookie.",
  malformed: "The request's session cookie has no valid id.",
  unknown: "There is no such session; it may have expired or been deleted.",
  ended: "The session ended while the tool ran, and its later changes were not kept.",
};

/** The `data.reason` of {@linkcode CODE.sessionRequired}. */
export type RequiredReason = keyof typeof WHY_REQUIRED;

/**
 * The error -32002, for a `tools/call` without a live session (section 4).
 *
 * @param ignoresConversation Whether its conversation does not count, as its caller is anonymous.
 */
export function sessionRequired(reason: RequiredReason, ignoresConversation = false): WireError {
  const remark = ignoresConversation
    ? " Its conversation would count if the caller were authenticated, by a token for example."
    : "";
  // After "ended" the tool has run: the caller has to look before it calls again.
  const next = reason === "ended"
    ? "See what it has done before calling again."
    : `Send ${METHOD.create}, then call again with its cookie in _meta["${META_KEY}"].`;
  return new WireError(
    CODE.sessionRequired,
    `Session required. ${WHY_REQUIRED[reason]}${remark} ${next}`,
    { reason },
  );
}
