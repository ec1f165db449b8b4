/**
 * Reading what a peer sent: a JSON-RPC message that the SDK will understand, or the error to answer
 * with. The SDK drops what it does not understand without an answer, which leaves a caller waiting.
 *
 * @module
 */

import { type Envelope, envelopeOf, isRequestId } from "../../jsonrpc/envelope.ts";
import { MAX_MESSAGE_BYTES } from "../../jsonrpc/lines.ts";
import { isNestedDeeper, MAX_NESTING } from "../../jsonrpc/nesting.ts";
import { CODE, invalid, WireError } from "../../protocol/errors.ts";
import { isObject, member } from "../../runtime/json.ts";
import { wireErrorBody } from "./wire_errors.ts";
import {
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
} from "./sdk.ts";

/** The key of `_meta` under which every request of a later era names its version. */
const ENVELOPE_VERSION = "io.modelcontextprotocol/protocolVersion";
/** What a client asks first to find out which era a server is of. */
const DISCOVER = "server/discover";
const RELATED_TASK = "io.modelcontextprotocol/related-task";

/** A message, or why it is none, with the id to answer to. */
export type Incoming = { readonly kind: "message"; readonly message: JSONRPCMessage } | Refused;

/**
 * What is no message. Only an `error` is answered: what has no `method` is `stray`, as two peers who
 * answer each other's answers never end. `isAnswer` tells whether it was meant as one.
 */
export type Refused =
  | { readonly kind: "error"; readonly id: RequestId | null; readonly error: WireError }
  | {
    readonly kind: "stray";
    readonly id: RequestId | null;
    readonly error: WireError;
    readonly isAnswer: boolean;
  };

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads one JSON-RPC message from its bytes. */
export function readMessage(bytes: Uint8Array): Incoming {
  let value: unknown;
  let isTooDeep: boolean;
  try {
    const text = decoder.decode(bytes);
    isTooDeep = isNestedDeeper(text, MAX_NESTING);
    value = JSON.parse(text);
  } catch {
    return refused(new WireError(CODE.parseError, "Parse error: the message is not valid JSON"));
  }
  try {
    if (isTooDeep) throw malformed(`a message can be nested at most ${MAX_NESTING} levels deep`);
    return { kind: "message", message: asMessage(value) };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return refused(error, isObject(value) ? envelopeOf(value) : undefined);
  }
}

/** What becomes of a message with this envelope, as far as it is known. */
export function refused(error: WireError, envelope?: Envelope): Refused {
  const id = envelope?.id ?? null;
  if (envelope === undefined || envelope.kind === "call") return { kind: "error", id, error };
  return { kind: "stray", id, error, isAnswer: envelope.kind === "answer" };
}

/** The error for a message of more than {@linkcode MAX_MESSAGE_BYTES}. */
export function tooLarge(): WireError {
  return new WireError(
    CODE.invalidRequest,
    `Invalid request: a message can have at most ${MAX_MESSAGE_BYTES} bytes`,
  );
}

/** An error as the JSON-RPC answer to a message, whose id is `null` if it could not be told. */
export function errorMessage(id: RequestId | null, error: WireError): object {
  return { jsonrpc: "2.0", id, error: wireErrorBody(error) };
}

/** The error for a message under a version that is not served. */
export function unsupportedVersion(requested: string): WireError {
  const supported = SUPPORTED_PROTOCOL_VERSIONS;
  return new WireError(
    CODE.unsupportedVersion,
    `Unsupported MCP-Protocol-Version: this server speaks ${supported.join(", ")}`,
    { supported, requested },
  );
}

/** An answer that can be written as JSON, and its text: this one, or an error in its place. */
export function written<T extends { readonly id?: RequestId | undefined }>(
  answer: T,
): { readonly answer: T | JSONRPCErrorResponse; readonly text: string } {
  try {
    return { answer, text: JSON.stringify(answer) };
  } catch {
    // Its caller waits for an answer.
    const error = notJson(answer.id);
    return { answer: error, text: JSON.stringify(error) };
  }
}

function notJson(id: RequestId | undefined): JSONRPCErrorResponse {
  const message = "The result cannot be written as JSON";
  return { jsonrpc: "2.0", id, error: { code: CODE.internalError, message } };
}

function asMessage(value: unknown): JSONRPCMessage {
  if (Array.isArray(value)) throw malformed("a batch is not accepted; send each message by itself");
  if (!isObject(value)) throw malformed("a message must be an object");
  if (value.jsonrpc !== "2.0") throw malformed('jsonrpc must be "2.0"');
  if (Object.hasOwn(value, "method")) return asRequest(value);
  return asResponse(value);
}

function asRequest(value: Record<string, unknown>): JSONRPCMessage {
  const { id, method, params } = value;
  if (typeof method !== "string") throw malformed("method must be a string");
  const hasId = Object.hasOwn(value, "id");
  if (hasId && !isRequestId(id)) throw malformed("id must be a string or an integer");
  const checked = params === undefined ? undefined : checkParams(method, params);
  // To know nothing of a method is what a client of both eras takes for the older one.
  if (hasId && isModern(method, checked)) throw unknownEra();
  return {
    jsonrpc: "2.0",
    ...(hasId && isRequestId(id) && { id }),
    method,
    ...(checked !== undefined && { params: checked }),
  };
}

function asResponse(value: Record<string, unknown>): JSONRPCMessage {
  const { id, result, error } = value;
  if (!isRequestId(id)) throw malformed("it is neither a request nor an answer to one");
  if (isObject(result)) return { jsonrpc: "2.0", id, result };
  if (
    isObject(error) && Number.isSafeInteger(error.code) && typeof error.message === "string"
  ) {
    const { code, message, data } = error;
    return { jsonrpc: "2.0", id, error: { code: Number(code), message, data } };
  }
  throw malformed("it is neither a request nor an answer to one");
}

/** Holds `params` to what the SDK's own schema of a request asks for. */
function checkParams(method: string, params: unknown): Record<string, unknown> | undefined {
  if (params === null) return undefined;
  if (!isObject(params)) throw invalid("params", "an object", params);
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

/** Tells whether a request is of an era of MCP that begins without `initialize`. */
function isModern(method: string, params: unknown): boolean {
  if (method === DISCOVER) return true;
  const version = member(member(params, "_meta"), ENVELOPE_VERSION);
  return version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.some((it) => it === version);
}

function unknownEra(): WireError {
  return new WireError(
    CODE.methodNotFound,
    "Method not found: this server speaks only versions of MCP that begin with initialize " +
      `(${SUPPORTED_PROTOCOL_VERSIONS.join(", ")})`,
  );
}

function malformed(why: string): WireError {
  return new WireError(CODE.invalidRequest, `Invalid request: ${why}`);
}
