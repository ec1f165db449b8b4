/**
 * The `session/*` requests of a client: create a session, look one up.
 *
 * @module
 */

import {
  type CookieKey,
  type HeldCookie,
  heldCookie,
  resultCookie,
  withCookie,
} from "../../protocol/cookie.ts";
import { METHOD } from "../../protocol/methods.ts";
import { member } from "../../runtime/json.ts";
import type { Ask } from "./internal_requests.ts";

// A list is oldest first and may be endless; this project's servers put a thousand sessions on a page.
const MAX_PAGES = 100;

export async function createSession(ask: Ask, title: string): Promise<HeldCookie> {
  const cookie = createdCookie(
    await ask(METHOD.create, { hints: { label: title, data: { title } } }),
  );
  if (cookie === undefined) {
    throw new TypeError("Cannot use the new session as the answer has no valid cookie");
  }
  return cookie;
}

/** The cookie of a `session/create` result: in its `_meta`, or the result itself. */
export function createdCookie(result: unknown, key?: CookieKey): HeldCookie | undefined {
  return resultCookie(result, key) ?? heldCookie(result);
}

/**
 * Looks a session up in the server's list: its current cookie, `null` if the list lacks it,
 * `undefined` if the list is too long to tell.
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
    const session = sessions.find((session) => member(session, "id") === cookie.id);
    if (session !== undefined) return heldCookie(session);
    const cursor = member(result, "nextCursor");
    if (typeof cursor !== "string") return null;
    params = { cursor };
  }
  return undefined;
}

/** The title of the sessions that `client` creates with `server`. */
export function sessionTitle(client: unknown, server: unknown): string {
  return `${shortName(client, "client")} · ${shortName(server, "server")}`;
}

function shortName(info: unknown, unnamed: string): string {
  const name = member(info, "name");
  // The server limits titles.
  if (typeof name !== "string" || name.trim() === "") return unnamed;
  // By code points: half a surrogate pair is refused.
  return [...name.trim().toWellFormed()].slice(0, 200).join("");
}
