/**
 * Send errors, classified by whether the server can have seen the request.
 *
 * @module
 */

import { LISTEN } from "../../protocol/era.ts";
import { member } from "../../runtime/json.ts";
import type { JSONRPCErrorResponse, RequestId } from "../sdk.ts";

/** The message was never sent: there was no connection. */
export class NeverSentError extends TypeError {
  override readonly name = "NeverSentError";
}

/**
 * The server has refused a message as one of an era that it does not speak, though it did when the
 * connection was made: it has been restarted with other versions.
 */
export class OtherEraError extends Error {
  override readonly name = "OtherEraError";
  /** The HTTP status, where the SDK's errors have it. */
  readonly code = 400;

  constructor(refusal: Error) {
    super(refusal.message, { cause: refusal });
  }
}

/**
 * - `unsent`: no connection was made, so the server has not seen the request.
 * - `gone`: the server does not know the transport session, or speaks another era by now, and did not
 *   look at the request.
 * - `broken`: the connection broke with the request in flight, or its answer is no message; its outcome
 *   is unknown.
 * - `other`: the server or this side refused the request, and the error says why.
 */
export type SendErrorKind = "unsent" | "gone" | "broken" | "other";

export function sendErrorKind(error: unknown): SendErrorKind {
  if (error instanceof NeverSentError) return "unsent";
  if (statusOf(error) === 404 || error instanceof OtherEraError) return "gone";
  if (isUnreadable(error)) return "broken";
  // A value that can't be serialized, or a bad header, is a TypeError without a cause.
  if (!(error instanceof TypeError)) return "other";
  return error.cause !== undefined || /connection|body/.test(error.message) ? "broken" : "other";
}

/** Whether the server has answered with what is no JSON, or no JSON-RPC message. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof SyntaxError || (error instanceof Error && error.name === "ZodError");
}

/**
 * The HTTP status of the server's answer: at `code` in the SDK's errors, at `data.status` in those of
 * its second generation. Read by shape, as the caller may use another copy of the SDK.
 */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? error.code : undefined;
  const status = member(member(error, "data"), "status") ?? code;
  return typeof status === "number" ? status : undefined;
}

/**
 * Whether an error that the SDK reports outside of `send` ends an answer stream. The SDK resumes a
 * stream with event ids: that one ends when resuming fails.
 */
export function endsStream(error: Error, isResumable: boolean): boolean {
  return error.message.startsWith(
    isResumable ? "Maximum reconnection attempts" : "SSE stream disconnected",
  );
}

/** The code (the SDK's `ConnectionClosed`) and `data.reason` of an unknown outcome. */
export const OUTCOME_UNKNOWN = { code: -32000, reason: "outcome_unknown" } as const;

export function outcomeUnknown(id: RequestId, method: string): JSONRPCErrorResponse {
  return {
    jsonrpc: "2.0",
    id,
    error: {
      code: OUTCOME_UNKNOWN.code,
      message: `The connection broke before ${method} was answered. ` +
        "Whether it ran is unknown, so it was not sent again: see what it has done first.",
      data: { reason: OUTCOME_UNKNOWN.reason },
    },
  };
}

/** The error response for a request whose connection broke before the answer. */
export function brokenOff(id: RequestId, method: string): JSONRPCErrorResponse {
  if (method !== LISTEN) return outcomeUnknown(id, method);
  const message = "The connection broke, and the subscription with it: listen again.";
  return { jsonrpc: "2.0", id, error: { code: OUTCOME_UNKNOWN.code, message } };
}

/**
 * Whether a request ended in `error` because its connection broke before the answer came. The server
 * may or may not have acted on the request; it was not sent again.
 *
 * @example
 * ```ts
 * import { isOutcomeUnknown } from "@mcp-sessions/deno/client";
 *
 * const error = { code: -32000, message: "…", data: { reason: "outcome_unknown" } };
 * if (isOutcomeUnknown(error)) console.log("Look first, then try again.");
 * ```
 */
export function isOutcomeUnknown(error: unknown): boolean {
  return member(error, "code") === OUTCOME_UNKNOWN.code &&
    member(member(error, "data"), "reason") === OUTCOME_UNKNOWN.reason;
}
