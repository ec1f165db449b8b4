/**
 * The cookie (section 2 of the contract): where it travels, and the guards that read it.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";
import { readSessionId } from "./session_id.ts";

/** Where a cookie travels: `_meta["mcp/session"]` of a request's `params` and of a result. */
export const META_KEY = "mcp/session";

/** What the cookie of a session says that was made for a `tools/call` without one (section 4). */
export const LAZY = { title: "lazy-tool-session", reason: "lazy/tools/call" } as const;

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

/** Reads the cookie that a request's `params` present. Nothing but the id is believed. */
export function presentedCookie(params: unknown): Presented {
  const cookie = member(member(params, "_meta"), META_KEY);
  if (cookie === undefined) return { kind: "none" };
  const id = readSessionId(member(cookie, "id"));
  return id === undefined ? { kind: "malformed" } : { kind: "id", id };
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

/** Puts a cookie, or the `null` that ends one, into the `_meta` of a request's params or a result. */
export function withCookie<T extends object>(
  body: T,
  cookie: Cookie | HeldCookie | null,
): T & { _meta: Record<string, unknown> } {
  const meta = "_meta" in body && isObject(body._meta) ? body._meta : {};
  return { ...body, _meta: { ...meta, [META_KEY]: cookie } };
}
