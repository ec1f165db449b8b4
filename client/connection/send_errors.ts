/**
 * How sending fails, and what that means for the request: whether the server can have seen it.
 *
 * @module
 */

import { member } from "../../runtime/json.ts";
import type { JSONRPCErrorResponse, RequestId } from "../sdk.ts";

/** There was no connection, so the server can't have seen what was to be sent. */
export class NeverSentError extends TypeError {
  override readonly name = "NeverSentError";
}

/**
 * - `unsent`: no connection was made, so the server has not seen it.
 * - `gone`: the server has no such transport session (any more) and did not look at the request.
 * - `broken`: the connection broke with the request on its way; nobody knows what came of it.
 * - `other`: the server or this side refused it, and the error says why.
 */
export type Failure = "unsent" | "gone" | "broken" | "other";

/** What the error that a transport's `send` ended with says about the request. */
export function failureOf(error: unknown): Failure {
  if (error instanceof NeverSentError) return "unsent";
  if (statusOf(error) === 404) return "gone";
  // What can't be serialized or has a bad header is a TypeError too, without a cause.
  if (!(error instanceof TypeError)) return "other";
  return error.cause !== undefined || /connection|body/.test(error.message) ? "broken" : "other";
}

/**
 * The HTTP status that the server answered with: the SDK has it at `code`, its second generation at
 * `data.status`. By shape, as the caller's copy of the SDK may be another one.
 */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? error.code : undefined;
  const status = member(member(error, "data"), "status") ?? code;
  return typeof status === "number" ? status : undefined;
}

/**
 * Does this error, reported beside any `send`, end the stream on which an answer was to come? A
 * stream with event ids is resumed by the SDK, so for that one it is over when resuming fails.
 */
export function endsStream(error: Error, resumable: boolean): boolean {
  return error.message.startsWith(
    resumable ? "Maximum reconnection attempts" : "SSE stream disconnected",
  );
}

/** Code (the SDK calls it `ConnectionClosed`) and `data.reason` of an unknown outcome. */
export const OUTCOME_UNKNOWN = { code: -32000, reason: "outcome_unknown" } as const;

/** The answer to a request whose connection broke before the server answered. */
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

/**
 * Is `error` what a request ended with because its connection broke before the answer came? The
 * server may have acted on it or not; it was not sent again.
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

const SESSION = /\bsessions?\b/i;

/**
 * Whether a `tools/call` has failed in words of a session, as a refusal for want of one does. What the
 * call itself says may only be repeated there.
 */
export function speaksOfSession(params: unknown, result: unknown): boolean {
  const content = member(result, "content");
  const said = [member(params, "name"), member(params, "arguments")];
  return Array.isArray(content) &&
    content.some((each) => SESSION.test(`${member(each, "text")}`)) &&
    !SESSION.test(JSON.stringify(said));
}
