/**
 * The cookie rules: how an answer changes the held cookie. Pure functions, so that every order of
 * answers can be tested.
 *
 * @module
 */

import { type HeldCookie, heldCookie, LAZY } from "../../protocol/cookie.ts";
import { utf8Length } from "../../runtime/utf8.ts";
import type { SessionEvent } from "./events.ts";

export interface CookieChange {
  /** The new cookie; `undefined` for none. */
  readonly cookie: HeldCookie | undefined;
  readonly events: readonly SessionEvent[];
}

// The cookie goes with every request, so its size is bounded. This project's servers send at most 8
// KiB of hints.
const MAX_COOKIE_BYTES = 16 * 1024;

/** The members of `data` in every cookie. */
const BASIC_DATA: readonly string[] = ["title", "reason", "createdAt"];

/**
 * The change that a result makes to the held cookie. A result counts only if the held id is still the
 * one that its request carried (`undefined`: none), so that a late result cannot undo a newer cookie.
 */
export function takeOver(
  held: HeldCookie | undefined,
  carried: string | undefined,
  received: HeldCookie | null | undefined,
): CookieChange | undefined {
  if (received === undefined || held?.id !== carried) return undefined;
  if (received === null) {
    return held && { cookie: undefined, events: [{ type: "revoked", previous: held }] };
  }
  const cookie = withinLimit(received);
  if (held === undefined) return created(cookie);
  if (held.id === cookie.id) {
    // Old state is better than none.
    return { cookie: isTooLarge(received) && hasState(held) ? held : cookie, events: [] };
  }
  if (isLazyReplacement(cookie, held)) {
    return { cookie, events: [...lost(held).events, ...created(cookie).events] };
  }
  return { cookie, events: [{ type: "replaced", cookie, previous: held }] };
}

/**
 * The received cookie, with what the answers to concurrent calls have changed since: the later expiry,
 * and their changes to `data`. Each call gives back the `data` that it carried and its own changes, which
 * must not undo the others'.
 */
export function mergeConcurrent(
  held: HeldCookie | undefined,
  carried: HeldCookie | undefined,
  received: HeldCookie | null | undefined,
): HeldCookie | null | undefined {
  if (!received || held === carried || held?.id !== received.id) return received;
  const latest = withLaterExpiry(received, held);
  const [before, after] = [dataOf(carried), dataOf(received)];
  const data = dataOf(held);
  for (const key of before.keys()) if (!after.has(key)) data.delete(key);
  for (const [key, value] of after) if (value !== before.get(key)) data.set(key, value);
  return data.size === 0 ? latest : { ...latest, data: Object.fromEntries(data) };
}

/** The cookie with the later expiry of both: it slides forward, in whatever order answers come. */
export function withLaterExpiry(cookie: HeldCookie, { expiry }: HeldCookie): HeldCookie {
  const isLater = expiry !== undefined && cookie.expiry !== undefined &&
    Date.parse(expiry) > Date.parse(cookie.expiry);
  return isLater ? { ...cookie, expiry } : cookie;
}

/** The change to a session that was created on request, whatever was held before. */
export function created(received: HeldCookie): CookieChange & { readonly cookie: HeldCookie } {
  const cookie = withinLimit(received);
  return { cookie, events: [{ type: "created", cookie }] };
}

/** The change to no session: the server has lost the held one. */
export function lost(held: HeldCookie): CookieChange {
  return { cookie: undefined, events: [{ type: "lost", previous: held }] };
}

/**
 * The held cookie with what the server's list adds. A server that keeps state in `data` may list none,
 * or an old one.
 */
export function mergeListed(held: HeldCookie, fromList: HeldCookie): HeldCookie {
  const both = { ...held, ...fromList };
  const data = { ...fromList.data, ...held.data };
  const merged = Object.keys(data).length === 0 ? both : { ...both, data };
  return isTooLarge(merged) ? held : merged;
}

/** Whether the server keeps state in the cookie: members of `data` beyond those of every cookie. */
export function hasState({ data }: HeldCookie): boolean {
  return Object.keys(data ?? {}).some((key) => !BASIC_DATA.includes(key));
}

/** The change to the session from the jar. */
export function resumed(received: HeldCookie, verified: boolean): CookieChange {
  const cookie = withinLimit(received);
  return { cookie, events: [{ type: "resumed", cookie, verified }] };
}

/**
 * Whether `cookie` is of a lazy session that the server made because it had lost the held one. Only
 * `data` tells: a lazy session that gets a new id keeps its reason and time of creation.
 */
export function isLazyReplacement(cookie: HeldCookie, held: HeldCookie): boolean {
  const createdAt = cookie.data?.createdAt;
  const sameSession = createdAt !== undefined && createdAt === held.data?.createdAt;
  return cookie.data?.reason === LAZY.reason && !sameSession;
}

function dataOf(cookie: HeldCookie | undefined): Map<string, string> {
  return new Map(Object.entries(cookie?.data ?? {}));
}

/** A copy of `cookie`; its id alone, which is a complete cookie, if it is too large. */
function withinLimit(cookie: HeldCookie): HeldCookie {
  return (!isTooLarge(cookie) && heldCookie(cookie)) || { id: cookie.id };
}

export function isTooLarge(cookie: HeldCookie): boolean {
  return utf8Length(JSON.stringify(cookie)) > MAX_COOKIE_BYTES;
}
