/**
 * Which cookie a client holds: the rules by which an answer changes it. Pure, so that every order
 * in which answers can come is easily tried.
 *
 * @module
 */

import { type HeldCookie, heldCookie, LAZY } from "../../protocol/cookie.ts";
import { utf8Length } from "../../runtime/utf8.ts";
import type { SessionEvent } from "./events.ts";

/** The cookie held from now on, and what is to be told. */
export interface Change {
  /** The cookie held from now on. */
  readonly cookie: HeldCookie | undefined;
  /** What is to be told, in this order. */
  readonly events: readonly SessionEvent[];
}

// A cookie goes out with every request: what a server may make us carry has to have an end. Ours
// have at most 8 KiB of hints.
const MAX_COOKIE_BYTES = 16 * 1024;

/** What every cookie has in `data`. */
const BASIC_DATA: readonly string[] = ["title", "reason", "createdAt"];

/**
 * What a result does to the held cookie. It counts only if the held id is still the one that the
 * request carried (`undefined`: none), so a late result can't undo a newer cookie.
 */
export function takeOver(
  held: HeldCookie | undefined,
  carried: string | undefined,
  received: HeldCookie | null | undefined,
): Change | undefined {
  if (received === undefined || held?.id !== carried) return undefined;
  if (received === null) return held && { cookie: undefined, events: [revoked(held)] };
  const cookie = bounded(received);
  if (held === undefined) return created(cookie);
  if (held.id === cookie.id) {
    // State that a server has put into the cookie is better as it was than gone.
    return { cookie: isTooLarge(received) && hasState(held) ? held : cookie, events: [] };
  }
  if (madeLazily(cookie, held)) {
    return { cookie, events: [...lost(held).events, ...created(cookie).events] };
  }
  return { cookie, events: [{ type: "replaced", cookie, previous: held }] };
}

/**
 * What an answer brings, as of now: calls at once each give back the `data` that they carried, with their
 * own changes, and none is to undo the others'.
 */
export function upToDate(
  held: HeldCookie | undefined,
  carried: HeldCookie | undefined,
  received: HeldCookie | null | undefined,
): HeldCookie | null | undefined {
  if (!received || held === carried || held?.id !== received.id) return received;
  const [before, after] = [pairs(carried), pairs(received)];
  const data = pairs(held);
  for (const key of before.keys()) if (!after.has(key)) data.delete(key);
  for (const [key, value] of after) if (value !== before.get(key)) data.set(key, value);
  return data.size === 0 ? received : { ...received, data: Object.fromEntries(data) };
}

/** A session was asked for and made: it is held, whatever was held before. */
export function created(received: HeldCookie): Change & { readonly cookie: HeldCookie } {
  const cookie = bounded(received);
  return { cookie, events: [{ type: "created", cookie }] };
}

/** The server does not know the held session any more. */
export function lost(held: HeldCookie): Change {
  return { cookie: undefined, events: [{ type: "lost", previous: held }] };
}

/**
 * The held cookie with what the server's list shows besides. Servers that keep state in the cookie's
 * `data` may list it without, or as it once was.
 */
export function listed(held: HeldCookie, found: HeldCookie): HeldCookie {
  const both = { ...held, ...found };
  const data = { ...found.data, ...held.data };
  const merged = Object.keys(data).length === 0 ? both : { ...both, data };
  return isTooLarge(merged) ? held : merged;
}

/** Has a server put something into the cookie that every cookie does not have? */
export function hasState({ data }: HeldCookie): boolean {
  return Object.keys(data ?? {}).some((key) => !BASIC_DATA.includes(key));
}

/** The session from the jar is held again. */
export function resumed(received: HeldCookie, verified: boolean): Change {
  const cookie = bounded(received);
  return { cookie, events: [{ type: "resumed", cookie, verified }] };
}

/**
 * Did the server make `cookie`'s session by itself, as it did not know the held one any more? It
 * says so only in the cookie's data, which a new id for a lazy session of old may keep.
 */
export function madeLazily(cookie: HeldCookie, held: HeldCookie): boolean {
  const createdAt = cookie.data?.createdAt;
  const sameSession = createdAt !== undefined && createdAt === held.data?.createdAt;
  return cookie.data?.reason === LAZY.reason && !sameSession;
}

function pairs(cookie: HeldCookie | undefined): Map<string, string> {
  return new Map(Object.entries(cookie?.data ?? {}));
}

function revoked(held: HeldCookie): SessionEvent {
  return { type: "revoked", previous: held };
}

/** A copy of `cookie`, without what is too much to carry around: the id alone is a cookie. */
function bounded(cookie: HeldCookie): HeldCookie {
  return (!isTooLarge(cookie) && heldCookie(cookie)) || { id: cookie.id };
}

/** Is this more than goes out with every request? */
export function isTooLarge(cookie: HeldCookie): boolean {
  return utf8Length(JSON.stringify(cookie)) > MAX_COOKIE_BYTES;
}
