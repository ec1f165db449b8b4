/**
 * The cookie (section 2 of the contract): its place in messages, and the guards that read it.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";
import type { EXTENSION } from "./capability.ts";
import { readSessionId } from "./session_id.ts";

/** The cookie's key in `_meta`, of a request's `params` and of a result. */
export const META_KEY = "mcp/session";

/** The two keys of a cookie in `_meta`: that of the legacy era, and that of the modern one. */
export type CookieKey = typeof META_KEY | typeof EXTENSION;

/** Label of a session that the policy `auto` made for a `tools/call` without one (section 4). */
export const LAZY = { title: "lazy-tool-session", reason: "lazy/tools/call" } as const;

/** A session as it travels (section 2 of the contract). */
export interface Cookie {
  /** The session's id: opaque, and a bearer token. */
  readonly id: string;
  /** When the session ends without use: RFC 3339, UTC. */
  readonly expiry: string;
  /** At least `title`, `reason` and `createdAt`. */
  readonly data: Readonly<Record<string, string>>;
}

/** A cookie as a client holds it: other servers leave out `expiry` and `data`. */
export interface HeldCookie {
  /** The session's id. */
  readonly id: string;
  /** When the session ends without use, if the server says so. */
  readonly expiry?: string;
  /** The server's description of the session. */
  readonly data?: Readonly<Record<string, string>>;
}

/** The cookie that a request presents: an id, nothing, or something that is no cookie. */
export type Presented =
  | { readonly kind: "missing" }
  | { readonly kind: "malformed" }
  | { readonly kind: "id"; readonly id: string };

/** Reads the cookie in a request's `params`. Only its id is believed. */
export function presentedCookie(params: unknown, key: CookieKey = META_KEY): Presented {
  const cookie = member(member(params, "_meta"), key);
  if (cookie === undefined) return { kind: "missing" };
  const id = readSessionId(member(cookie, "id"));
  return id === undefined ? { kind: "malformed" } : { kind: "id", id };
}

/**
 * Reads the cookie in a result's `_meta`, as a client does: `null` means that the session is gone,
 * `undefined` that there is no cookie, or none that can be read.
 */
export function resultCookie(
  result: unknown,
  key: CookieKey = META_KEY,
): HeldCookie | null | undefined {
  const meta = member(result, "_meta");
  if (!isObject(meta) || !Object.hasOwn(meta, key)) return undefined;
  return meta[key] === null ? null : heldCookie(meta[key]);
}

/** Reads a cookie from a server or a jar, leniently; `undefined` if the value is none. */
export function heldCookie(value: unknown): HeldCookie | undefined {
  const id = readSessionId(member(value, "id"));
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

/** Puts a cookie, or `null` for none, into the `_meta` of a request's params or a result. */
export function withCookie<T extends object>(
  body: T,
  cookie: Cookie | HeldCookie | null,
  key: CookieKey = META_KEY,
): T & { _meta: Record<string, unknown> } {
  const meta = "_meta" in body && isObject(body._meta) ? body._meta : {};
  return { ...body, _meta: { ...meta, [key]: cookie } };
}
