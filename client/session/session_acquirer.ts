/**
 * Finds or makes the sessions that slots hold, and has requests wait for that.
 *
 * @module
 */

import { type HeldCookie, withCookie } from "../../protocol/cookie.ts";
import { METHOD } from "../../protocol/methods.ts";
import type { SessionCapability } from "./capability.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { createSession } from "./session_requests.ts";
import { messageOf } from "../../runtime/errors.ts";
import { created, hasState, listed, lost, resumed } from "./cookie_rules.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import type { Ask, OwnRequests } from "./internal_requests.ts";
import { Presence } from "./session_presence.ts";

/** What an acquirer is made of. */
export interface SessionAcquirerParts {
  /** Asks the server. */
  readonly own: OwnRequests;
  /** How long a session may take to be found or made. */
  readonly establishMs: number;
  /** Is no session better than one that is not the jar's? */
  readonly insists: boolean;
  /** Ends everything early. */
  readonly signal: AbortSignal;
  /** Told why there is no session. */
  readonly fail: (error: unknown) => void;
}

/** Has one attempt for each slot at a time, however many requests wait for it. */
export class SessionAcquirer {
  /** What the server says about its sessions. */
  capability: SessionCapability | undefined;
  /** The title of new sessions. */
  title = "";
  /** Whether the sessions that are held are still there. */
  readonly presence: Presence;

  readonly #own: OwnRequests;
  readonly #establishMs: number;
  readonly #insists: boolean;
  readonly #signal: AbortSignal;
  readonly #fail: (error: unknown) => void;
  /** While a slot's session is looked for or made. Never rejects. */
  readonly #gates = new Map<CookieSlot, Promise<void>>();

  /** Holds nothing at first. */
  constructor({ own, establishMs, insists, signal, fail }: SessionAcquirerParts) {
    this.#own = own;
    this.#establishMs = establishMs;
    this.#insists = insists;
    this.#signal = signal;
    this.#fail = fail;
    const offersList = () => this.offers("list");
    this.presence = new Presence({ own, offersList, answerMs: establishMs, signal, fail });
  }

  /** Does the server have this feature? */
  offers(feature: string): boolean {
    return this.capability?.features.includes(feature) === true;
  }

  /** What every request for this slot has to wait for. Never rejects. */
  gate(slot: CookieSlot): Promise<void> | undefined {
    return this.#gates.get(slot);
  }

  /**
   * Has `slot` hold the session that is in its jar, where another process may have put a newer one,
   * or else a new one, once `connected`. Never rejects: without a session, it goes on without.
   */
  obtain(slot: CookieSlot, connected: Promise<void> = Promise.resolve()): Promise<void> {
    return this.#gated(slot, connected, false);
  }

  /**
   * Has `slot` hold another session than `gone`, which is lost if `slot` still holds it. Never
   * rejects.
   */
  async replace(slot: CookieSlot, gone: HeldCookie | undefined): Promise<void> {
    const isLost = slot.cookie !== undefined && slot.cookie.id === gone?.id;
    if (isLost) slot.apply(lost(slot.cookie));
    if (slot.cookie === undefined) await this.#gated(slot, Promise.resolve(), isLost);
  }

  /**
   * A call that carried `carried` has failed in words alone, as servers that know no -32002 refuse one
   * that has no live session: finds out, and replaces a session that is gone. A server that keeps state
   * in the cookie takes what its list lacks, so there the words must be `isClear`, too. Never rejects.
   */
  async doubt(slot: CookieSlot, carried: HeldCookie | undefined, isClear: boolean): Promise<void> {
    if (slot.cookie?.id !== carried?.id) return;
    if (carried !== undefined && !await this.presence.isGone(slot)) return;
    if (slot.cookie !== undefined && hasState(slot.cookie) && !isClear) return;
    if (carried !== undefined || this.offers("create")) await this.replace(slot, carried);
  }

  /** Waits until the jar has what `slot` holds, but not for ever. Never rejects. */
  async kept(slot: CookieSlot): Promise<void> {
    const deadline = new Deadline(this.#establishMs, this.#signal);
    await deadline.limit(slot.flush()).catch(this.#fail);
  }

  /**
   * Ends the session that `slot` holds, as nobody will come back to it.
   *
   * @throws {Error} If the server does not do it in time.
   */
  async end({ cookie }: CookieSlot): Promise<void> {
    if (cookie === undefined || !this.offers("delete")) return;
    const deadline = new Deadline(this.#establishMs, this.#signal);
    await this.#own.ask(deadline, METHOD.delete, withCookie({}, cookie));
  }

  /** Closes the gate for as long as a session is looked for or made. */
  #gated(slot: CookieSlot, connected: Promise<void>, afterLoss: boolean): Promise<void> {
    const deadline = new Deadline(this.#establishMs, this.#signal);
    const gate = this.#gates.get(slot) ?? deadline.limit(connected)
      .then(() => this.#obtain(slot, deadline, afterLoss))
      // Nobody may use a session that this side could forget.
      .then(() => deadline.limit(slot.flush()))
      .catch((error) =>
        this.#fail(new Error(`Cannot get a session: ${messageOf(error)}`, { cause: error }))
      )
      .finally(() => this.#gates.delete(slot));
    this.#gates.set(slot, gate);
    return gate;
  }

  async #obtain(slot: CookieSlot, deadline: Deadline, afterLoss: boolean): Promise<void> {
    if (this.capability === undefined || slot.cookie !== undefined) return;
    this.presence.confirmed(slot);
    const ask: Ask = (method, params) => this.#own.ask(deadline, method, params);
    const saved = await slot.load(deadline, this.#insists);
    if (saved !== undefined && await this.#resume(slot, ask, saved, afterLoss)) return;
    if (this.offers("create")) await this.#create(slot, ask, deadline);
  }

  async #create(slot: CookieSlot, ask: Ask, deadline: Deadline): Promise<void> {
    const made = await createSession(ask, this.title);
    if (await slot.begin(created(made), deadline) || !this.offers("delete")) return;
    await ask(METHOD.delete, withCookie({}, made)).catch(this.#fail);
  }

  /**
   * Holds the jar's session. What the list lacks may be taken all the same, which a call shows; but
   * not right after a session was lost: what the list lacks then went with it.
   */
  async #resume(
    slot: CookieSlot,
    ask: Ask,
    saved: HeldCookie,
    afterLoss: boolean,
  ): Promise<boolean> {
    const found = await this.presence.look(slot, saved, ask);
    const isLost = found === null && afterLoss;
    if (isLost) slot.apply(lost(saved));
    else slot.apply(found ? resumed(listed(saved, found), true) : resumed(saved, false));
    return !isLost;
  }
}
