/**
 * Error responses of the HTTP transport: a status for programs, and a JSON-RPC error that says why.
 *
 * @module
 */

import type { WireError } from "../../../protocol/errors.ts";
import { errorMessage } from "../message_reader.ts";
import type { RequestId } from "../sdk.ts";

/** The code that the SDK and its clients use for errors of the transport itself. */
const TRANSPORT_ERROR = -32000;
export const RETRY_LATER: Readonly<Record<string, string>> = { "retry-after": "1" };

/** What every response says of caches: most have a session's id in them, or somebody's data. */
const NO_STORE: Readonly<Record<string, string>> = { "cache-control": "no-store" };

const refusals = new WeakMap<Response, string>();

/** Marks a response as a refusal, for this reason. */
export function refused(response: Response, reason: string): Response {
  refusals.set(response, reason);
  return response;
}

/** Takes the reason of a refusal, for the one who tells of it; `undefined` for any other response. */
export function takeRefusal(response: Response): string | undefined {
  const reason = refusals.get(response);
  refusals.delete(response);
  return reason;
}

/** Makes an error response to a request whose id is not known yet. */
export function errorResponse(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = { jsonrpc: "2.0", id: null, error: { code: TRANSPORT_ERROR, message } };
  return refused(jsonResponse(status, body, headers), message);
}

/** Makes the error response to a message that is not taken, whose id is `null` if it could not be told. */
export function messageRefused(id: RequestId | null, error: WireError): Response {
  return refused(jsonResponse(400, errorMessage(id, error)), error.message);
}

/** Makes the response to a message that gets no other. */
export function acceptedResponse(): Response {
  return new Response(null, { status: 202, headers: NO_STORE });
}

/** A response that others have made, with a body of ours or its own, so that no cache keeps it. */
export function unstored(original: Response, body: BodyInit | null = original.body): Response {
  // The headers of some responses, such as redirects, are immutable.
  const response = new Response(body, original);
  const isFixed = /\bno-transform\b/.test(response.headers.get("cache-control") ?? "");
  response.headers.set("cache-control", isFixed ? "no-store, no-transform" : "no-store");
  return response;
}

export function unavailable(why: string): Response {
  return errorResponse(503, `Service unavailable: ${why}; try again`, RETRY_LATER);
}

/** Responds to a request without reading its body, which is cancelled. */
export async function respondUnread(request: Request, response: Response): Promise<Response> {
  // A connection that is lost has no body to cancel.
  await request.body?.cancel().catch(() => {});
  return response;
}

/** Makes a JSON response from a value, JSON text or a stream of it. */
export function jsonResponse(
  status: number,
  body: object | string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const isJson = typeof body === "string" || body instanceof ReadableStream;
  return new Response(isJson ? body : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...NO_STORE, ...headers },
  });
}
