/**
 * The JSON-RPC errors of the contract: their codes and their texts.
 *
 * @module
 */

import type { Json } from "../runtime/json.ts";
import { META_KEY } from "./cookie.ts";
import { METHOD } from "./methods.ts";

/** The JSON-RPC error codes that this project answers with. */
export const CODE = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  sessionRequired: -32002,
  unsupportedVersion: -32022,
} as const;

/** Why a `tools/call` was answered with {@linkcode CODE.sessionRequired}. */
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

/** A wrong type in `params`, as a JSON-RPC error that names the field. */
export function invalid(field: string, expected: string, value: unknown): WireError {
  const kind = Array.isArray(value) ? "an array" : value === null ? "null" : typeof value;
  return new WireError(CODE.invalidParams, `${field} must be ${expected}: it is ${kind}`);
}

/**
 * The error for a `tools/call` that has no live session (section 4). `remark` says what else this
 * caller can do, with a space before it.
 */
export function sessionRequired(reason: RequiredReason, remark = ""): WireError {
  const why: Record<RequiredReason, string> = {
    missing: "The request carries no session cookie.",
    malformed: "The request's session cookie has no valid id.",
    unknown: "There is no such session; it may have expired or been deleted.",
    ended: "The session ended while the tool ran, and its later changes were not kept.",
  };
  // After "ended" the tool has run: whoever calls again has to look first.
  const next = reason === "ended"
    ? "See what it has done before calling again."
    : `Send ${METHOD.create}, then call again with its cookie in _meta["${META_KEY}"].`;
  return new WireError(
    CODE.sessionRequired,
    `Session required. ${why[reason]}${remark} ${next}`,
    { reason },
  );
}
