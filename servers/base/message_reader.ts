/**
 * The reader of a peer's messages: a JSON-RPC message that the SDK will understand, or the error to answer
 * with. The SDK drops what it does not understand without an answer, which leaves a caller waiting.
 *
 * @module
 */

import { isRequestId } from "../../jsonrpc/envelope.ts";
import type { LongLine } from "../../jsonrpc/lines.ts";
import { asMessage, type Incoming, readMessage, type RpcMessage } from "../../jsonrpc/message.ts";
import { CODE, invalid, type WireError } from "../../protocol/errors.ts";
import { isObject } from "../../runtime/json.ts";
import type { EraSendOptions } from "./era/era_transport.ts";
import { wireErrorBody } from "./wire_errors.ts";
import type { JSONRPCErrorResponse, JSONRPCMessage, RequestId } from "./sdk.ts";

const RELATED_TASK = "io.modelcontextprotocol/related-task";

export function readRequest(bytes: Uint8Array | LongLine): Incoming<JSONRPCMessage> {
  return readMessage(bytes, asSdkMessage);
}

/** An error as the JSON-RPC answer to a message, whose id is `null` if it could not be told. */
export function errorMessage(id: RequestId | null, error: WireError): object {
  return { jsonrpc: "2.0", id, error: wireErrorBody(error) };
}

/** A response and its JSON text; an error in its place if its result cannot be written as JSON. */
export function encodeResponse<T extends { readonly id?: RequestId | undefined }>(
  answer: T,
  { onreplaced }: Pick<EraSendOptions, "onreplaced"> = {},
): { readonly answer: T | JSONRPCErrorResponse; readonly text: string } {
  try {
    return { answer, text: JSON.stringify(answer) };
  } catch {
    const message = "The result cannot be written as JSON";
    const error = { code: CODE.internalError, message };
    const refusal: JSONRPCErrorResponse = { jsonrpc: "2.0", id: answer.id, error };
    onreplaced?.(refusal);
    return { answer: refusal, text: JSON.stringify(refusal) };
  }
}

/** Checks what the SDK's own schema asks for, so that no message is dropped in silence. */
function asSdkMessage(value: unknown): JSONRPCMessage {
  const message = asMessage(value);
  if (!("method" in message)) return withoutStrays(message);
  const { jsonrpc, id, method, params } = message;
  const checked = params && checkParams(method, params);
  return {
    jsonrpc,
    ...(id !== undefined && { id }),
    method,
    ...(checked !== undefined && { params: checked }),
  };
}

/** A response without members that are none of JSON-RPC. */
function withoutStrays(message: Exclude<RpcMessage, { method: string }>): JSONRPCMessage {
  const { jsonrpc, id } = message;
  return "result" in message
    ? { jsonrpc, id, result: message.result }
    : { jsonrpc, id, error: message.error };
}

function checkParams(
  method: string,
  params: Record<string, unknown>,
): Record<string, unknown> {
  // A look-up of each name would cost every request more than the rest of its check.
  const hasNull = params._meta === null || params.arguments === null || params.cursor === null;
  const checked = hasNull ? withoutNull(params, ["_meta", ...optionalOf(method)]) : params;
  if (checked._meta === undefined) return checked;
  const meta = checkMeta(checked._meta);
  return meta === checked._meta ? checked : { ...checked, _meta: meta };
}

function checkMeta(value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw invalid("params._meta", "an object", value);
  const hasNull = value.progressToken === null || value[RELATED_TASK] === null;
  const meta = hasNull ? withoutNull(value, ["progressToken", RELATED_TASK]) : value;
  if (meta.progressToken !== undefined && !isRequestId(meta.progressToken)) {
    throw invalid(
      "params._meta.progressToken",
      "a string or an integer",
      meta.progressToken,
    );
  }
  const related = meta[RELATED_TASK];
  if (related !== undefined && !(isObject(related) && typeof related.taskId === "string")) {
    throw invalid(`params._meta["${RELATED_TASK}"]`, "an object with a taskId", related);
  }
  return meta;
}

/** The optional members of a method's `params` that many clients send as `null`. */
function optionalOf(method: string): readonly string[] {
  if (method === "tools/call" || method === "prompts/get") return ["arguments"];
  return method.endsWith("/list") ? ["cursor"] : [];
}

/** An object without those of these members that are `null`. */
function withoutNull(
  object: Record<string, unknown>,
  names: readonly string[],
): Record<string, unknown> {
  const kept = Object.entries(object).filter(([name, value]) =>
    value !== null || !names.includes(name)
  );
  return Object.fromEntries(kept);
}
