/**
 * Whether held sessions are still there, as far as the server's list can tell. A list may lack sessions
 * that the server accepts, so it decides nothing alone.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { lookUpSession } from "./session_requests.ts";
import { mergeListed, withLaterExpiry } from "./cookie_rules.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import type { Ask, InternalRequests } from "./internal_requests.ts";

export interface SessionPresenceParts {
  readonly requests: InternalRequests;
  readonly offersList: () => boolean;
  readonly establishMs: number;
  readonly signal: AbortSignal;
  readonly onerror: (error: unknown) => void;
}

/** The presence of one slot's session on this connection. */
class SlotPresence {
  /** Whether the session was looked up, or made, on this connection. */
  isConfirmed = false;
  confirmation: Promise<void> | undefined;
  lookup: { readonly id: string; readonly isUnlisted: Promise<boolean> } | undefined;
  /** Whether the list cannot tell, such as an endless one; it is not requested again. */
  isInconclusive = false;
  unlistedId: string | undefined;
  /** The id of the session that the list lacked and the server accepted. */
  acceptedId: string | undefined;
}

/** Looks up the session of each slot, one lookup at a time. */
export class SessionPresence {
  readonly #parts: SessionPresenceParts;
  #presences = new WeakMap<CookieSlot, SlotPresence>();

  constructor(parts: SessionPresenceParts) {
    this.#parts = parts;
  }

  /** Forgets everything: a new connection may lead to a server that has lost its sessions. */
  reset(): void {
    this.#presences = new WeakMap();
  }

  /** Notes that the session that `slot` holds, or will hold, is of this connection. */
  markConfirmed(slot: CookieSlot): void {
    this.#of(slot).isConfirmed = true;
  }

  /** Looks the session up once on each connection: the pending lookup. Never rejects. */
  confirm(slot: CookieSlot): Promise<void> | undefined {
    const presence = this.#of(slot);
    if (!presence.isConfirmed && slot.cookie !== undefined) {
      presence.confirmation = this.isUnlisted(slot).then(() => {
        presence.confirmation = undefined;
      });
    }
    presence.isConfirmed = true;
    return presence.confirmation;
  }

  /** Notes that the server accepted the session that `slot` holds, listed or not. */
  markAccepted(slot: CookieSlot): void {
    const presence = this.#of(slot);
    if (presence.unlistedId === slot.cookie?.id) presence.acceptedId = presence.unlistedId;
  }

  /**
   * Looks up the session of `slot`: its cookie in the list, `null` if the list lacks it, `undefined`
   * if the list cannot tell. Never rejects.
   */
  async lookUp(
    slot: CookieSlot,
    cookie: HeldCookie,
    ask: Ask,
  ): Promise<HeldCookie | null | undefined> {
    if (!this.#parts.offersList()) return undefined;
    const presence = this.#of(slot);
    try {
      const listed = await lookUpSession(ask, cookie);
      presence.unlistedId = listed === null ? cookie.id : undefined;
      presence.isInconclusive = listed === undefined;
      return listed;
    } catch (error) {
      // A failed lookup does not mean that the session is gone.
      this.#parts.onerror(error);
      return undefined;
    }
  }

  /** Whether the list lacks the session that `slot` holds. Never rejects. */
  async isUnlisted(slot: CookieSlot): Promise<boolean> {
    const { cookie } = slot;
    const presence = this.#of(slot);
    if (cookie === undefined || presence.acceptedId === cookie.id || presence.isInconclusive) {
      return false;
    }
    if (!this.#parts.offersList()) return false;
    let { lookup } = presence;
    if (lookup?.id !== cookie.id) {
      lookup = { id: cookie.id, isUnlisted: this.#lookUpHeld(slot, cookie) };
      presence.lookup = lookup;
    }
    const isUnlisted = await lookup.isUnlisted;
    if (presence.lookup === lookup) presence.lookup = undefined;
    return isUnlisted;
  }

  async #lookUpHeld(slot: CookieSlot, held: HeldCookie): Promise<boolean> {
    const { requests, establishMs, signal } = this.#parts;
    const ask = requests.within(new Deadline(establishMs, signal));
    const listed = await this.lookUp(slot, held, ask);
    const { cookie } = slot;
    if (listed && cookie?.id === held.id) {
      const merged = mergeListed(cookie, listed);
      // A result that has come meanwhile may be newer.
      slot.apply({
        cookie: cookie === held ? merged : withLaterExpiry(merged, cookie),
        events: [],
      });
    }
    return listed === null;
  }

  #of(slot: CookieSlot): SlotPresence {
    const presence = this.#presences.get(slot) ?? new SlotPresence();
    this.#presences.set(slot, presence);
    return presence;
  }
}
