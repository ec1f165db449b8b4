/**
 * JSON-RPC 2.0 messages: their shapes, and reading one from the bytes of a peer.
 *
 * @module
 */

import { CODE, invalid, WireError } from "../protocol/errors.ts";
import { isObject, member } from "../runtime/json.ts";
import { type Envelope, envelopeOf, isRequestId, type RequestId } from "./envelope.ts";
import { LongLine, MAX_MESSAGE_BYTES } from "./lines.ts";

/** Deepest nesting in a client's message: later code recurses into it. */
const MAX_NESTING = 128;

/** A request, a notification or a response, with whatever else stands at its top level. */
export type RpcMessage =
  | {
    readonly jsonrpc: "2.0";
    readonly id?: RequestId;
    readonly method: string;
    readonly params?: Record<string, unknown>;
  }
  | { readonly jsonrpc: "2.0"; readonly id: RequestId; readonly result: Record<string, unknown> }
  | {
    readonly jsonrpc: "2.0";
    readonly id: RequestId;
    readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
  };

export type Incoming<T> = { readonly kind: "message"; readonly message: T } | Refused;

/**
 * A refused message. Only an `error` is answered: a `stray` has no `method`, and two peers that
 * answer each other's responses never end. `isResponse` tells whether it was meant as one.
 */
export type Refused =
  | { readonly kind: "error"; readonly id: RequestId | null; readonly error: WireError }
  | {
    readonly kind: "stray";
    readonly id: RequestId | null;
    readonly error: WireError;
    readonly isResponse: boolean;
  };

const decoder = new TextDecoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });

/** Reads one message. `check` gives the message that a value is, or throws a WireError. */
export function readMessage<T>(
  bytes: Uint8Array | LongLine,
  check: (value: unknown) => T,
): Incoming<T> {
  if (bytes instanceof LongLine) return refused(tooLarge(), bytes.envelope);
  let value: unknown;
  let isTooDeep: boolean;
  try {
    const text = decode(bytes);
    isTooDeep = isNestedTooDeep(text);
    value = JSON.parse(text);
  } catch {
    return refused(new WireError(CODE.parseError, "Parse error: the message is not valid JSON"));
  }
  try {
    if (isTooDeep) throw malformed(`a message can be nested at most ${MAX_NESTING} levels deep`);
    return { kind: "message", message: check(value) };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return refused(error, isObject(value) ? envelopeOf(value) : undefined);
  }
}

/**
 * The message that a value fresh from `JSON.parse` is. Members that are `null` in place of absent are
 * taken away.
 *
 * @throws {WireError} -32600, or -32602 for `params` of a wrong type.
 */
export function asMessage(value: unknown): RpcMessage {
  if (Array.isArray(value)) throw malformed("a batch is not accepted; send each message by itself");
  if (!isObject(value)) throw malformed("a message must be an object");
  if (value.jsonrpc !== "2.0") throw malformed('jsonrpc must be "2.0"');
  if (Object.hasOwn(value, "method")) checkRequest(value);
  else checkResponse(value);
  return value as RpcMessage;
}

/** A response keeps one of `result` and `error`: some peers send the other as `null`. */
function checkResponse(value: Record<string, unknown>): void {
  const { id, result, error } = value;
  const isError = isObject(error) && Number.isSafeInteger(error.code) &&
    typeof error.message === "string";
  if (!isRequestId(id) || !(isObject(result) || isError)) {
    throw malformed("it is neither a request nor a response to one");
  }
  delete value[isObject(result) ? "error" : "result"];
}

function checkRequest(value: Record<string, unknown>): void {
  if (typeof value.method !== "string") throw malformed("method must be a string");
  if (Object.hasOwn(value, "id") && !isRequestId(value.id)) {
    throw malformed("id must be a string or an integer");
  }
  if (value.params === null) delete value.params;
  else if (value.params !== undefined && !isObject(value.params)) {
    throw invalid("params", "an object", value.params);
  }
}

export function refused(error: WireError, envelope?: Envelope): Refused {
  const id = envelope?.id ?? null;
  if (envelope === undefined || envelope.kind === "call") return { kind: "error", id, error };
  return { kind: "stray", id, error, isResponse: envelope.kind === "answer" };
}

export function tooLarge(): WireError {
  return malformed(`a message can have at most ${MAX_MESSAGE_BYTES} bytes`);
}

export function malformed(why: string): WireError {
  return new WireError(CODE.invalidRequest, `Invalid request: ${why}`);
}

/** The id of the request that `message` cancels, if it is a cancellation. */
export function cancelledId(message: object): RequestId | undefined {
  if (member(message, "method") !== "notifications/cancelled") return undefined;
  const id = member(member(message, "params"), "requestId");
  return isRequestId(id) ? id : undefined;
}

function isNestedTooDeep(json: string): boolean {
  // Most messages have too few brackets for that, strings included, and counting them is far faster.
  if (count(json, "{") + count(json, "[") <= MAX_NESTING) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at);
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (depth > MAX_NESTING) return true;
  }
  return false;
}

/**
 * Decodes UTF-8. The strict decoder takes three times as long as the other, which shows by U+FFFD that
 * there may be something wrong.
 *
 * @throws {TypeError} if the bytes are not UTF-8.
 */
function decode(bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  return text.includes("\ufffd") ? strictDecoder.decode(bytes) : text;
}

function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) found++;
  return found;
}

/** Index of the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1;; at++) {
    at = json.indexOf('"', at);
    if (at === -1) return json.length;
    let escapes = 0;
    while (json[at - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return at;
  }
}
