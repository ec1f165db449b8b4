/**
 * The two keys of the cookie (section 10 of the contract): both are understood in both eras, and an answer
 * has the keys of its request.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";
import { EXTENSION } from "./capability.ts";
import { type CookieKey, META_KEY } from "./cookie.ts";
import { CODE, WireError } from "./errors.ts";

/**
 * The keys under which a request presents its cookie, or says by `null` that it has none.
 *
 * @throws {WireError} -32602 if they name different sessions.
 */
export function cookieKeys(params: unknown): readonly CookieKey[] {
  const meta = member(params, "_meta");
  if (!isObject(meta) || !Object.hasOwn(meta, EXTENSION)) {
    return isObject(meta) && Object.hasOwn(meta, META_KEY) ? [META_KEY] : [];
  }
  if (!Object.hasOwn(meta, META_KEY)) return [EXTENSION];
  const [one, other] = [META_KEY, EXTENSION].map((key) => meta[key]);
  const isSame = one === null || other === null ||
    member(one, "id") !== undefined && member(one, "id") === member(other, "id");
  if (isSame) return [META_KEY, EXTENSION];
  throw new WireError(
    CODE.invalidParams,
    `params._meta["${META_KEY}"] and params._meta["${EXTENSION}"] name different sessions: send one`,
  );
}

/** Params or a result with the cookie of one key under others. */
export function withCookieUnder<T extends Record<string, unknown>>(
  body: T,
  from: CookieKey,
  to: readonly CookieKey[],
): T {
  const { _meta } = body;
  if (!isObject(_meta) || !Object.hasOwn(_meta, from)) return body;
  const { [from]: cookie, ...meta } = _meta;
  for (const key of to) meta[key] = cookie;
  return { ...body, _meta: meta };
}

/** Params with the cookie under its legacy key alone. */
export function withLegacyCookie(
  params: Record<string, unknown>,
  keys: readonly CookieKey[],
): Record<string, unknown> {
  if (!keys.includes(EXTENSION)) return params;
  // `null` under one of them says nothing about the other.
  const isUnderLegacyKey = member(member(params, "_meta"), META_KEY) !== undefined;
  return isUnderLegacyKey
    ? withCookieUnder(params, EXTENSION, [])
    : withCookieUnder(params, EXTENSION, [META_KEY]);
}

/** The text of an error with the keys that the request used in place of the legacy one. */
export function withKeys(message: unknown, keys: readonly CookieKey[]): string {
  // The SDK passes on whatever a handler has thrown.
  const text = typeof message === "string" ? message : "Unknown error";
  return keys.includes(META_KEY) ? text : text.replaceAll(META_KEY, EXTENSION);
}
