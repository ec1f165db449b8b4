/**
 * Session events for a client.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";

/**
 * A session event, emitted before the result that caused it is delivered:
 *
 * - `created`: a new, empty session is held. The client asked for it, or the server made it for a call
 *   without one.
 * - `resumed`: the session from the jar is held again. `verified` if the server's list has it;
 *   otherwise the next call shows whether it is still there.
 * - `replaced`: a tool gave the session a new id; the old one is dead.
 * - `revoked`: the server ended the session, and none is held.
 * - `lost`: the server has lost the session and its contents. A `created` follows if a new session
 *   could be made.
 * - `reconnected`: a dead connection has been rebuilt; the session is unaffected.
 */
export type SessionEvent =
  | { readonly type: "created"; readonly cookie: HeldCookie }
  | { readonly type: "resumed"; readonly cookie: HeldCookie; readonly verified: boolean }
  | { readonly type: "replaced"; readonly cookie: HeldCookie; readonly previous: HeldCookie }
  | { readonly type: "revoked"; readonly previous: HeldCookie }
  | { readonly type: "lost"; readonly previous: HeldCookie }
  | { readonly type: "reconnected" };
