/**
 * Error responses of the HTTP transport: a status for programs, and a JSON-RPC error that says why.
 *
 * @module
 */

/** The code that the SDK and its clients use for errors of the transport itself. */
const TRANSPORT_ERROR = -32000;
export const RETRY_LATER: Readonly<Record<string, string>> = { "retry-after": "1" };

/** Makes an error response to a request whose id is not known yet. */
export function errorResponse(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = { jsonrpc: "2.0", id: null, error: { code: TRANSPORT_ERROR, message } };
  return jsonResponse(status, body, headers);
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
    headers: { "content-type": "application/json", ...headers },
  });
}
