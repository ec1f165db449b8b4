/**
 * What a client is told about its session.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";

/**
 * Something that happened to the session. Told before the result that brought it is delivered:
 *
 * - `created`: a new, empty session is held, because the client asked for one, or because the
 *   server made one for a call that came without.
 * - `resumed`: the session from the jar is held again. `verified` if the server was asked and said
 *   that it is still there; not if it can't be asked, or does not list it: then a call shows.
 * - `replaced`: a tool gave the session a new id; the old one is dead.
 * - `revoked`: the server ended the session, and none is held.
 * - `lost`: the server does not know the session any more, and what was in it is gone. A `created`
 *   follows if a new one could be had.
 * - `reconnected`: the connection was dead and has been rebuilt; the session is unaffected.
 */
export type SessionEvent =
  | { readonly type: "created"; readonly cookie: HeldCookie }
  | { readonly type: "resumed"; readonly cookie: HeldCookie; readonly verified: boolean }
  | { readonly type: "replaced"; readonly cookie: HeldCookie; readonly previous: HeldCookie }
  | { readonly type: "revoked"; readonly previous: HeldCookie }
  | { readonly type: "lost"; readonly previous: HeldCookie }
  | { readonly type: "reconnected" };
