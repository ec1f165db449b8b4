/**
 * How a client comes to a session as it connects, or when it has lost one.
 *
 * @module
 */

import { type HeldCookie, heldCookie, resultCookie, withCookie } from "../../protocol/cookie.ts";
import { METHOD } from "../../protocol/methods.ts";
import { member } from "../../runtime/json.ts";
import type { Ask } from "./internal_requests.ts";

// A server's list is oldest first and may be endless; ours has a thousand sessions on a page.
const MAX_PAGES = 100;

/**
 * Makes a session with this title.
 *
 * @throws {TypeError} If what the server answers has no cookie.
 */
export async function createSession(ask: Ask, title: string): Promise<HeldCookie> {
  const cookie = createdCookie(
    await ask(METHOD.create, { hints: { label: title, data: { title } } }),
  );
  if (cookie === undefined) {
    throw new TypeError("Cannot use the new session as the answer has no valid cookie");
  }
  return cookie;
}

/** The cookie in a `session/create` result, which is a cookie itself, too. */
export function createdCookie(result: unknown): HeldCookie | undefined {
  return resultCookie(result) ?? heldCookie(result);
}

/**
 * Asks whether the session is still there: its current cookie, `null` if it is gone, `undefined` if
 * the list is too long to tell.
 */
export async function lookUpSession(
  ask: Ask,
  cookie: HeldCookie,
): Promise<HeldCookie | null | undefined> {
  let params = {};
  for (let page = 0; page < MAX_PAGES; page++) {
    const result = await ask(METHOD.list, withCookie(params, cookie));
    const sessions = member(result, "sessions");
    if (!Array.isArray(sessions)) return undefined;
    const found = sessions.find((session) => member(session, "id") === cookie.id);
    if (found !== undefined) return heldCookie(found);
    const cursor = member(result, "nextCursor");
    if (typeof cursor !== "string") return null;
    params = { cursor };
  }
  return undefined;
}

/** The title of the sessions that `client` makes with `server`, as far as they have names. */
export function sessionTitle(client: unknown, server: unknown): string {
  return `${shortName(client, "client")} · ${shortName(server, "server")}`;
}

function shortName(info: unknown, unnamed: string): string {
  const name = member(info, "name");
  // Both names come from elsewhere, and a title has a limit on the server.
  if (typeof name !== "string" || name.trim() === "") return unnamed;
  // By characters, for half of one is refused.
  return [...name.trim().toWellFormed()].slice(0, 200).join("");
}
