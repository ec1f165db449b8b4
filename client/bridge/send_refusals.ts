/**
 * The JSON-RPC error for a request that could not be sent on to the server.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { CODE } from "../../protocol/errors.ts";
import { isObject, member } from "../../runtime/json.ts";
import {
  isUnreadable,
  outcomeUnknown,
  sendErrorKind,
  statusOf,
} from "../connection/send_errors.ts";
import type { JSONRPCErrorResponse, JSONRPCRequest } from "../sdk.ts";

/** Code and `data` of the error for a request that has not reached the server. */
export const NOT_SENT = { code: -32000, data: { reason: "not_sent" } } as const;

/** The response to a request whose sending to `server` ended in `error`. */
export function sendRefusal(
  { id, method }: JSONRPCRequest,
  server: string,
  error: unknown,
): JSONRPCErrorResponse {
  const unsupported = unsupportedError(error);
  if (unsupported !== undefined) return { jsonrpc: "2.0", id, error: unsupported };
  if (mayHaveRun(error)) return outcomeUnknown(id, method);
  const status = statusOf(error);
  const what = sendErrorKind(error) === "unsent"
    ? `Cannot reach the MCP server ${server} for ${method}`
    : status === undefined
    ? `Cannot pass ${method} on to the MCP server ${server}`
    : `The MCP server ${server} refused ${method} with HTTP status ${status}`;
  const next = status === 401 || status === 403
    ? "give the bridge credentials that the server accepts (--header), and try again"
    : "try again later";
  const message = `${what}: ${messageOf(error)}. The request was not carried out; ${next}.`;
  return { jsonrpc: "2.0", id, error: { ...NOT_SENT, message } };
}

/**
 * The JSON-RPC error in an HTTP error, if it says that the server does not support a method or a
 * version. Hosts try such a request first, and go on without it.
 */
export function unsupportedError(error: unknown): JSONRPCErrorResponse["error"] | undefined {
  const refusal = member(bodyOf(messageOf(error)), "error");
  const [code, message, data] = ["code", "message", "data"].map((name) => member(refusal, name));
  if (code !== CODE.methodNotFound && code !== CODE.unsupportedVersion) return undefined;
  if (typeof message !== "string") return undefined;
  return { code, message, ...(data !== undefined && { data }) };
}

/** Whether the server may have acted on a request whose sending ended in `error`. */
function mayHaveRun(error: unknown): boolean {
  if (isUnreadable(error)) return true;
  const status = statusOf(error);
  // A redirect that was not followed has led to no server.
  if (status === undefined || (status >= 300 && status < 500)) return false;
  return status !== 503 || !isFromServer(messageOf(error));
}

/**
 * Whether an HTTP error has a JSON-RPC error as its body, and so comes from the MCP server, which did
 * not act on the request. A proxy's 503 may follow a request that it had passed on.
 */
function isFromServer(text: string): boolean {
  const body = bodyOf(text);
  return member(body, "jsonrpc") === "2.0" && isObject(member(body, "error"));
}

/** The JSON body at the end of an HTTP error's message. */
function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text.slice(text.indexOf("{")));
  } catch {
    return undefined;
  }
}
