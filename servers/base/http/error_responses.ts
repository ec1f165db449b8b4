/**
 * A refusal at the level of HTTP: a status that programs understand, with a JSON-RPC error that says
 * why.
 *
 * @module
 */

// What the SDK and its clients use for an error of the transport itself.
const TRANSPORT_ERROR = -32000;
/** Tells a caller who is sent away for now to come back, in seconds. */
export const RETRY_LATER: Readonly<Record<string, string>> = { "retry-after": "1" };

/** Refuses a request, whose body may be half read or not at all. */
export function refuse(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = { jsonrpc: "2.0", id: null, error: { code: TRANSPORT_ERROR, message } };
  return json(status, body, headers);
}

/** Lets go of a request's body that nobody will read, whatever has become of its connection. */
export async function discardBody(request: Request): Promise<void> {
  await request.body?.cancel().catch(() => {});
}

/** Sends a caller away who may well be served in a moment. */
export function refuseForNow(why: string): Response {
  return refuse(503, `Service unavailable: ${why}; try again`, RETRY_LATER);
}

/** An answer in JSON. */
export function json(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return jsonText(status, JSON.stringify(body), headers);
}

/** An answer in JSON that is text already, or a stream of it. */
export function jsonText(
  status: number,
  text: string | ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(text, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
