/**
 * The wire contract of experimental MCP session v2 in code: every name, number and shape that
 * crosses the wire, and the guards that read them. No I/O and no state.
 *
 * @module
 */

/** Any JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Where a cookie travels: `_meta["mcp/session"]` of a request's `params` and of a result. */
export const META_KEY = "mcp/session";

/** What the `initialize` result carries at `capabilities.experimental.session`. */
export const CAPABILITY = { version: 2, features: ["create", "list", "delete"] } as const;

/** The methods of the contract. */
export const METHOD = {
  create: "session/create",
  list: "session/list",
  delete: "session/delete",
} as const;

/** What the cookie of a session says that was made for a `tools/call` without one (section 4). */
export const LAZY = { title: "lazy-tool-session", reason: "lazy/tools/call" } as const;

/** The JSON-RPC error codes that this project answers with. */
export const CODE = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  sessionRequired: -32002,
  unsupportedVersion: -32022,
} as const;

/** Why a `tools/call` was answered with {@linkcode CODE.sessionRequired}. */
export type RequiredReason = "missing" | "malformed" | "unknown" | "ended";

/** At most this many sessions stand on one page of `session/list`. */
export const LIST_PAGE = 1000;

const MAX_HINT_PAIRS = 32;
const MAX_HINT_BYTES = 8 * 1024;
// Ours are 37 characters; the bound only keeps a made-up id from being carried around.
const MAX_ID_LENGTH = 256;
const NOT_ASCII = /\P{ASCII}/u;
const SHORT = 16;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
// Control and format characters (those that turn the direction of what follows are among them),
// line and paragraph separators, and lone surrogates.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** A JSON-RPC error on its way to the peer. */
export class WireError extends Error {
  /** The JSON-RPC error code. */
  readonly code: number;
  /** The error's `data`, if it has any. */
  readonly data: Json | undefined;

  /** Makes an error with a JSON-RPC code, a message for people and optional data. */
  constructor(code: number, message: string, data?: Json) {
    super(message);
    this.name = "WireError";
    this.code = code;
    this.data = data;
  }
}

/** A session as it travels (section 2 of the contract). */
export interface Cookie {
  /** The session's id: opaque, and whoever presents it has the session. */
  readonly id: string;
  /** RFC 3339, UTC: when the session ends if nobody uses it. */
  readonly expiry: string;
  /** At least `title`, `reason` and `createdAt`. */
  readonly data: Readonly<Record<string, string>>;
}

/** A cookie as a client holds it: other servers leave out `expiry` and `data`. */
export interface HeldCookie {
  /** The session's id. */
  readonly id: string;
  /** When the session ends, if the server says. */
  readonly expiry?: string;
  /** What the server tells about the session. */
  readonly data?: Readonly<Record<string, string>>;
}

/** What a request presents: a session id, nothing, or something that is no cookie. */
export type Presented =
  | { readonly kind: "none" }
  | { readonly kind: "malformed" }
  | { readonly kind: "id"; readonly id: string };

/** Is `value` an object in the sense of JSON: neither `null` nor an array? */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member `name` that `object` itself has; `null` counts as absent, as it does on the wire. */
export function member(object: unknown, name: string): unknown {
  if (!isObject(object) || !Object.hasOwn(object, name)) return undefined;
  return object[name] ?? undefined;
}

/** How many bytes `text` takes in UTF-8. Counted, as encoding it only for that is far slower. */
export function utf8Length(text: string): number {
  // Most texts are ASCII, which V8 finds out several times faster than a loop.
  if (text.length > SHORT && !NOT_ASCII.test(text)) return text.length;
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate is half of four bytes; one alone is encoded as U+FFFD, which takes three.
    const isPair = unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1));
    bytes += unit < 0x800 ? 1 : 2;
    if (isPair) i++;
  }
  return bytes;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/**
 * A text that others wrote, without what a terminal would act on or what would hide in a log, but
 * for the characters in `allowed`. Each such character becomes U+FFFD, or what `mark` makes of it.
 */
export function printable(
  text: string,
  allowed = "",
  mark: (character: string) => string = () => "\ufffd",
): string {
  return text.replace(
    UNPRINTABLE,
    (character) => allowed.includes(character) ? character : mark(character),
  );
}

/** A new session id: `sess-` and 128 random bits in lowercase hex. */
export function newSessionId(): string {
  return `sess-${randomHex(16)}`;
}

/** Whether this is what {@linkcode newSessionId} gives. */
export function isOurSessionId(text: string): boolean {
  return /^sess-[0-9a-f]{32}$/.test(text);
}

/** `bytes` random bytes from the platform's CSPRNG, in lowercase hex. */
export function randomHex(bytes: number): string {
  let hex = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(bytes))) {
    hex += byte.toString(16).padStart(2, "0");
  }
  return hex;
}

/** Reads the cookie that a request's `params` present. Nothing but the id is believed. */
export function presentedCookie(params: unknown): Presented {
  const cookie = member(member(params, "_meta"), META_KEY);
  if (cookie === undefined) return { kind: "none" };
  const id = sessionId(member(cookie, "id"));
  return id === undefined ? { kind: "malformed" } : { kind: "id", id };
}

function sessionId(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > MAX_ID_LENGTH) return undefined;
  return VISIBLE_ASCII.test(value) ? value : undefined;
}

/**
 * Reads the cookie in a result's `_meta`, as a client does: `null` when the server says that the
 * session is gone, `undefined` when it says nothing, or nothing that is a cookie.
 */
export function resultCookie(result: unknown): HeldCookie | null | undefined {
  const meta = member(result, "_meta");
  if (!isObject(meta) || !Object.hasOwn(meta, META_KEY)) return undefined;
  return meta[META_KEY] === null ? null : heldCookie(meta[META_KEY]);
}

/** Reads a cookie that came from a server or from a jar, leniently; `undefined` if it is none. */
export function heldCookie(value: unknown): HeldCookie | undefined {
  const id = sessionId(member(value, "id"));
  if (id === undefined) return undefined;
  const expiry = member(value, "expiry");
  const data = member(value, "data");
  return {
    id,
    ...(typeof expiry === "string" && !Number.isNaN(Date.parse(expiry)) && { expiry }),
    ...(isObject(data) && {
      data: Object.fromEntries(
        Object.entries(data).filter((pair): pair is [string, string] =>
          typeof pair[1] === "string"
        ),
      ),
    }),
  };
}

/** Puts a cookie, or the `null` that ends one, into the `_meta` of a request's params or a result. */
export function withCookie<T extends object>(
  body: T,
  cookie: Cookie | HeldCookie | null,
): T & { _meta: Record<string, unknown> } {
  const meta = "_meta" in body && isObject(body._meta) ? body._meta : {};
  return { ...body, _meta: { ...meta, [META_KEY]: cookie } };
}

/** Announces the sessions in an `initialize` result, beside what the server announces itself. */
export function withCapability(result: Record<string, unknown>): Record<string, unknown> {
  const capabilities = isObject(result.capabilities) ? result.capabilities : {};
  const experimental = isObject(capabilities.experimental) ? capabilities.experimental : {};
  return {
    ...result,
    capabilities: { ...capabilities, experimental: { ...experimental, session: CAPABILITY } },
  };
}

/** What `session/create` asks for: a title, and the further pairs of the cookie's `data`. */
export interface CreateParams {
  /** The session's title, never empty. */
  readonly title: string;
  /** Further pairs, without `title`, `reason` and `createdAt`. */
  readonly extra: Readonly<Record<string, string>>;
}

/**
 * Reads the params of `session/create` (section 3).
 *
 * @throws {WireError} -32602, naming the field, if a type is wrong or a limit is passed.
 */
export function parseCreateParams(params: unknown): CreateParams {
  const hints = objectField(params, "hints", "params.hints");
  const label = stringField(hints, "label", "params.hints.label");
  const data = objectField(hints, "data", "params.hints.data");
  const pairs: [string, string][] = [];
  let bytes = utf8Length(wellFormed(label ?? "", "params.hints.label"));
  for (const [key, value] of Object.entries(data ?? {})) {
    if (value === null) continue;
    if (typeof value !== "string") {
      throw invalid(`params.hints.data[${JSON.stringify(key.slice(0, 64))}]`, "a string", value);
    }
    wellFormed(key + value, "params.hints.data");
    bytes += utf8Length(key) + utf8Length(value);
    pairs.push([key, value]);
  }
  if (pairs.length > MAX_HINT_PAIRS) {
    throw new WireError(
      CODE.invalidParams,
      `params.hints.data can have at most ${MAX_HINT_PAIRS} pairs: it has ${pairs.length}`,
    );
  }
  if (bytes > MAX_HINT_BYTES) {
    throw new WireError(
      CODE.invalidParams,
      `params.hints can have at most ${MAX_HINT_BYTES} bytes of text: it has ${bytes}`,
    );
  }
  const title = pairs.find(([key]) => key === "title")?.[1].trim() ||
    label?.trim() || "experimental-session";
  const reserved = new Set(["title", "reason", "createdAt"]);
  return { title, extra: Object.fromEntries(pairs.filter(([key]) => !reserved.has(key))) };
}

/**
 * Reads the cursor in the params of `session/list`.
 *
 * @throws {WireError} -32602 if it is not a string.
 */
export function parseListCursor(params: unknown): string | undefined {
  return stringField(params, "cursor", "params.cursor");
}

/**
 * Reads the id in the params of `session/delete`; `undefined` means the presented cookie's.
 *
 * @throws {WireError} -32602 if it is not a string.
 */
export function parseDeleteId(params: unknown): string | undefined {
  return stringField(params, "id", "params.id") || undefined;
}

/** A wrong type in `params`, as a JSON-RPC error that names the field. */
export function invalid(field: string, expected: string, value: unknown): WireError {
  const kind = Array.isArray(value) ? "an array" : value === null ? "null" : typeof value;
  return new WireError(CODE.invalidParams, `${field} must be ${expected}: it is ${kind}`);
}

function wellFormed(text: string, field: string): string {
  if (text.isWellFormed()) return text;
  throw new WireError(CODE.invalidParams, `${field} must be well-formed Unicode`);
}

function objectField(parent: unknown, name: string, field: string) {
  const value = member(parent, name);
  if (value !== undefined && !isObject(value)) throw invalid(field, "an object", value);
  return value;
}

function stringField(parent: unknown, name: string, field: string) {
  const value = member(parent, name);
  if (value !== undefined && typeof value !== "string") throw invalid(field, "a string", value);
  return value;
}

/**
 * The error for a `tools/call` that has no live session (section 4). `remark` says what else this
 * caller can do, with a space before it.
 */
export function sessionRequired(reason: RequiredReason, remark = ""): WireError {
  const why: Record<RequiredReason, string> = {
    missing: "The request carries no session cookie.",
    malformed: "The request's session cookie has no valid id.",
    unknown: "There is no such session; it may have expired or been deleted.",
    ended: "The session ended while the tool ran, and its later changes were not kept.",
  };
  // After "ended" the tool has run: whoever calls again has to look first.
  const next = reason === "ended"
    ? "See what it has done before calling again."
    : `Send ${METHOD.create}, then call again with its cookie in _meta["${META_KEY}"].`;
  return new WireError(
    CODE.sessionRequired,
    `Session required. ${why[reason]}${remark} ${next}`,
    { reason },
  );
}
