/**
 * What the host is answered when a request of its could not be passed on.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { CODE } from "../../protocol/errors.ts";
import { isObject, member } from "../../runtime/json.ts";
import { outcomeUnknown, sendErrorKind, statusOf } from "../connection/send_errors.ts";
import type { JSONRPCErrorResponse, JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";

/** Code and data of the error for what has not reached the server. */
export const NOT_SENT = { code: -32000, data: { reason: "not_sent" } } as const;

/** The answer to a request that could not be passed on to `server`. */
export function notPassedOn(
  { id, method }: JSONRPCRequest,
  server: string,
  error: unknown,
): JSONRPCResponse {
  const unspoken = notSpoken(error);
  if (unspoken !== undefined) return { jsonrpc: "2.0", id, error: unspoken };
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
 * The error with which a server answers over HTTP what it does not speak: a method or a version that a
 * host tries first, and goes on without.
 */
export function notSpoken(error: unknown): JSONRPCErrorResponse["error"] | undefined {
  const body = bodyOf(messageOf(error));
  const refusal = member(body, "error");
  const [code, message, data] = ["code", "message", "data"].map((name) => member(refusal, name));
  if (code !== CODE.methodNotFound && code !== CODE.unsupportedVersion) return undefined;
  return typeof message === "string"
    ? { code, message, ...(data !== undefined && { data }) }
    : undefined;
}

/** Is this how sending fails after the server may have acted on it? */
function mayHaveRun(error: unknown): boolean {
  // An answer that nobody can read.
  if (error instanceof SyntaxError || (error instanceof Error && error.name === "ZodError")) {
    return true;
  }
  const status = statusOf(error);
  if (status === undefined || (status >= 400 && status < 500)) return false;
  return status !== 503 || !isOfMcp(messageOf(error));
}

/**
 * Does what came with a status end in a JSON-RPC error? Then an MCP server has sent the request away;
 * a proxy says 503 of one that it has passed on, too.
 */
function isOfMcp(text: string): boolean {
  const body = bodyOf(text);
  return member(body, "jsonrpc") === "2.0" && isObject(member(body, "error"));
}

/** The body in the text of an error, which ends in it. */
function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text.slice(text.indexOf("{")));
  } catch {
    return undefined;
  }
}
