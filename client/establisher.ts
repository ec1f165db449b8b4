/**
 * Finds or makes the sessions that keepers hold, and has requests wait for that.
 *
 * @module
 */

import { type HeldCookie, METHOD, withCookie } from "../protocol.ts";
import type { SessionCapability } from "./capability.ts";
import { Deadline } from "./deadline.ts";
import { createSession } from "./establish.ts";
import { messageOf } from "./failure.ts";
import { created, hasState, listed, lost, resumed } from "./held.ts";
import type { Keeper } from "./keeper.ts";
import type { Ask, OwnRequests } from "./own_requests.ts";
import { Presence } from "./presence.ts";

/** What an establisher is made of. */
export interface EstablisherParts {
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

/** Has one attempt for each keeper at a time, however many requests wait for it. */
export class Establisher {
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
  /** While a keeper's session is looked for or made. Never rejects. */
  readonly #gates = new Map<Keeper, Promise<void>>();

  /** Holds nothing at first. */
  constructor({ own, establishMs, insists, signal, fail }: EstablisherParts) {
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

  /** What every request for this keeper has to wait for. Never rejects. */
  gate(keeper: Keeper): Promise<void> | undefined {
    return this.#gates.get(keeper);
  }

  /**
   * Has `keeper` hold the session that is in its jar, where another process may have put a newer one,
   * or else a new one, once `connected`. Never rejects: without a session, it goes on without.
   */
  obtain(keeper: Keeper, connected: Promise<void> = Promise.resolve()): Promise<void> {
    return this.#gated(keeper, connected, false);
  }

  /**
   * Has `keeper` hold another session than `gone`, which is lost if `keeper` still holds it. Never
   * rejects.
   */
  async replace(keeper: Keeper, gone: HeldCookie | undefined): Promise<void> {
    const isLost = keeper.cookie !== undefined && keeper.cookie.id === gone?.id;
    if (isLost) keeper.apply(lost(keeper.cookie));
    if (keeper.cookie === undefined) await this.#gated(keeper, Promise.resolve(), isLost);
  }

  /**
   * A call that carried `carried` has failed in words alone, as servers that know no -32002 refuse one
   * that has no live session: finds out, and replaces a session that is gone. A server that keeps state
   * in the cookie takes what its list lacks, so there the words must be `isClear`, too. Never rejects.
   */
  async doubt(keeper: Keeper, carried: HeldCookie | undefined, isClear: boolean): Promise<void> {
    if (keeper.cookie?.id !== carried?.id) return;
    if (carried !== undefined && !await this.presence.isGone(keeper)) return;
    if (keeper.cookie !== undefined && hasState(keeper.cookie) && !isClear) return;
    if (carried !== undefined || this.offers("create")) await this.replace(keeper, carried);
  }

  /** Waits until the jar has what `keeper` holds, but not for ever. Never rejects. */
  async kept(keeper: Keeper): Promise<void> {
    const deadline = new Deadline(this.#establishMs, this.#signal);
    await deadline.limit(keeper.flush()).catch(this.#fail);
  }

  /**
   * Ends the session that `keeper` holds, as nobody will come back to it.
   *
   * @throws {Error} If the server does not do it in time.
   */
  async end({ cookie }: Keeper): Promise<void> {
    if (cookie === undefined || !this.offers("delete")) return;
    const deadline = new Deadline(this.#establishMs, this.#signal);
    await this.#own.ask(deadline, METHOD.delete, withCookie({}, cookie));
  }

  /** Closes the gate for as long as a session is looked for or made. */
  #gated(keeper: Keeper, connected: Promise<void>, afterLoss: boolean): Promise<void> {
    const deadline = new Deadline(this.#establishMs, this.#signal);
    const gate = this.#gates.get(keeper) ?? deadline.limit(connected)
      .then(() => this.#obtain(keeper, deadline, afterLoss))
      // Nobody may use a session that this side could forget.
      .then(() => deadline.limit(keeper.flush()))
      .catch((error) =>
        this.#fail(new Error(`Cannot get a session: ${messageOf(error)}`, { cause: error }))
      )
      .finally(() => this.#gates.delete(keeper));
    this.#gates.set(keeper, gate);
    return gate;
  }

  async #obtain(keeper: Keeper, deadline: Deadline, afterLoss: boolean): Promise<void> {
    if (this.capability === undefined || keeper.cookie !== undefined) return;
    this.presence.confirmed(keeper);
    const ask: Ask = (method, params) => this.#own.ask(deadline, method, params);
    const saved = await keeper.load(deadline, this.#insists);
    if (saved !== undefined && await this.#resume(keeper, ask, saved, afterLoss)) return;
    if (this.offers("create")) await this.#create(keeper, ask, deadline);
  }

  async #create(keeper: Keeper, ask: Ask, deadline: Deadline): Promise<void> {
    const made = await createSession(ask, this.title);
    if (await keeper.begin(created(made), deadline) || !this.offers("delete")) return;
    await ask(METHOD.delete, withCookie({}, made)).catch(this.#fail);
  }

  /**
   * Holds the jar's session. What the list lacks may be taken all the same, which a call shows; but
   * not right after a session was lost: what the list lacks then went with it.
   */
  async #resume(
    keeper: Keeper,
    ask: Ask,
    saved: HeldCookie,
    afterLoss: boolean,
  ): Promise<boolean> {
    const found = await this.presence.look(keeper, saved, ask);
    const isLost = found === null && afterLoss;
    if (isLost) keeper.apply(lost(saved));
    else keeper.apply(found ? resumed(listed(saved, found), true) : resumed(saved, false));
    return !isLost;
  }
}
