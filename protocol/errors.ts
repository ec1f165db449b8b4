/**
 * The JSON-RPC errors of the contract: codes and texts, among them all texts of -32002.
 *
 * @module
 */

import type { Json } from "../runtime/json.ts";
import { META_KEY } from "./cookie.ts";
import { METHOD } from "./methods.ts";

/** The JSON-RPC error codes of this project. */
export const CODE = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  sessionRequired: -32002,
  unsupportedVersion: -32022,
} as const;

/** The `data.reason` of {@linkcode CODE.sessionRequired}. */
export type RequiredReason = "missing" | "malformed" | "unknown" | "ended";

/** A JSON-RPC error on its way to the peer. */
export class WireError extends Error {
  /** The JSON-RPC error code. */
  readonly code: number;
  /** The error's `data`, if it has any. */
  readonly data: Json | undefined;

  /** Makes an error with a JSON-RPC code, a message for people and optional data. */
  constructor(code: number, message: string, data?: Json) {
    super(message);
    this.name = "WireError";
    this.code = code;
    this.data = data;
  }
}

/** The error for a wrong type in `params`, which names the field. */
export function invalid(field: string, expected: string, value: unknown): WireError {
  const kind = Array.isArray(value) ? "an array" : value === null ? "null" : typeof value;
  return new WireError(CODE.invalidParams, `${field} must be ${expected}: it is ${kind}`);
}

const WHY_REQUIRED: Readonly<Record<RequiredReason, string>> = {
  missing: "The request carries no session cookie.",
  malformed: "The request's session cookie has no valid id.",
  unknown: "There is no such session; it may have expired or been deleted.",
  ended: "The session ended while the tool ran, and its later changes were not kept.",
};

/**
 * The error -32002, for a `tools/call` without a live session (section 4).
 *
 * @param ignoresConversation Whether the call names a conversation that does not count, as its caller
 * is not authenticated.
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
