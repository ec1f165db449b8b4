/**
 * Request state: the codec of `requestState`, by which a server knows in a later round what it asked in
 * an earlier one. The client keeps it, and is not to be believed: it is sealed by AES-256-GCM, and bound
 * to the request. Nothing here keeps it from being used twice.
 *
 * @module
 */

import { fromBase64, toBase64, toHex } from "../../../runtime/bytes.ts";
import { isObject } from "../../../runtime/json.ts";
import { sha256 } from "../../../runtime/sha256.ts";
import { checkKeyLength } from "./request_state_limits.ts";
import type { Answers } from "./round_trip.ts";

/** The facts that travel in a request state. */
export interface RequestState {
  /** Random, and of this state alone. */
  readonly nonce: string;
  /** The end of its life, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** The id of the session that the request goes on in; `null` for none. */
  readonly session: string | null;
  /** The keys that were asked in this round. */
  readonly asked: readonly string[];
  /** The answers of earlier rounds. */
  readonly answers: Answers;
}

/** The request that a state is bound to: a state of another one does not open. */
export interface BoundRequest {
  /** The name of the server: several may have the same keys. */
  readonly server: string;
  /** The principal of its caller. */
  readonly owner: string | null;
  readonly method: string;
  /** The params but those of a single round: name and arguments, or the URI. */
  readonly params: Readonly<Record<string, unknown>>;
}

/** A key with its id, by which it is found again. */
export interface SealingKey {
  readonly id: string;
  readonly key: CryptoKey;
}

const VERSION = "v1";
const NONCE_BYTES = 16;
const IV_BYTES = 12;

/** @throws {RangeError} if it is not 32 bytes long. */
export async function importSealingKey(bytes: Uint8Array): Promise<SealingKey> {
  checkKeyLength(bytes);
  const usages = ["encrypt", "decrypt"] as const;
  const key = await crypto.subtle.importKey("raw", bytes.slice(), "AES-GCM", false, [...usages]);
  return { id: sha256(`mcp-sessions key ${toHex(bytes)}`).slice(0, 16), key };
}

export function newNonce(): string {
  return toBase64(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)), "base64url");
}

export async function sealState(
  { id, key }: SealingKey,
  state: RequestState,
  request: BoundRequest,
): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const text = encoder.encode(JSON.stringify(state));
  const sealed = await crypto.subtle.encrypt(algorithm(iv, id, request), key, text);
  const bytes = new Uint8Array(IV_BYTES + sealed.byteLength);
  bytes.set(iv);
  bytes.set(new Uint8Array(sealed), IV_BYTES);
  return [VERSION, id, toBase64(bytes, "base64url")].join(".");
}

/** A state that does not open. Its message is for the log, never for the client. */
export class StateError extends Error {
  constructor(why: string, options?: ErrorOptions) {
    super(`A requestState was refused as ${why}`, options);
    this.name = "StateError";
  }
}

/**
 * Opens a state that is not too old.
 *
 * @throws {StateError} if it is none, was changed, is of another request or key, or has expired.
 */
export async function openState(
  keys: readonly SealingKey[],
  text: string,
  request: BoundRequest,
  now: number,
): Promise<RequestState> {
  const [version, id, base64, ...rest] = text.split(".");
  if (version !== VERSION || base64 === undefined || rest.length > 0) {
    throw new StateError("it is none of this version");
  }
  const key = keys.find((key) => key.id === id);
  if (key === undefined) throw new StateError("its key is not known here");
  const bytes = decoded(base64);
  const state = await decrypted(key, bytes, request);
  if (state.expiresAt <= now) throw new StateError("it has expired");
  return state;
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  // Another text of the same bytes is a changed one.
  const bytes = fromBase64(base64, "base64url");
  if (bytes === undefined) throw new StateError("it is no canonical base64");
  return bytes;
}

async function decrypted(
  { id, key }: SealingKey,
  bytes: Uint8Array<ArrayBuffer>,
  request: BoundRequest,
): Promise<RequestState> {
  let text: ArrayBuffer;
  try {
    const iv = bytes.subarray(0, IV_BYTES);
    text = await crypto.subtle.decrypt(
      algorithm(iv, id, request),
      key,
      bytes.subarray(IV_BYTES),
    );
  } catch (cause) {
    throw new StateError("it was changed, or is of another caller or request", { cause });
  }
  const state: unknown = JSON.parse(decoder.decode(text));
  if (isState(state)) return state;
  throw new StateError("it has another content than this version writes");
}

/** A parse guard of the shape alone: the seal has shown that it is ours. */
function isState(value: unknown): value is RequestState {
  return isObject(value) && typeof value.nonce === "string" &&
    typeof value.expiresAt === "number" && Array.isArray(value.asked) &&
    Array.isArray(value.answers) &&
    (value.session === null || typeof value.session === "string");
}

function algorithm(iv: Uint8Array<ArrayBuffer>, keyId: string, request: BoundRequest) {
  const { server, owner, method, params } = request;
  const bound = [VERSION, keyId, server, owner, method, hashOf(params)];
  return { name: "AES-GCM", iv, additionalData: encoder.encode(JSON.stringify(bound)) };
}

/** A hash that does not depend on the order of members, which a proxy may change. */
function hashOf(value: unknown): string {
  return sha256(JSON.stringify(value, (_, part) => {
    // JSON has no name for a number out of range, and no object of a client is written in this order.
    if (part === Infinity || part === -Infinity) return { number: `${part}`, "": null };
    if (!isObject(part)) return part;
    return Object.fromEntries(
      Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1),
    );
  }));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
