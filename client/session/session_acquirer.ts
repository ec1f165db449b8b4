/**
 * Acquires the sessions that slots hold: from the jar, or by `session/create`.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { type HeldCookie, withCookie } from "../../protocol/cookie.ts";
import { METHOD } from "../../protocol/methods.ts";
import { WireError } from "../../protocol/errors.ts";
import type { JSONRPCRequest } from "../sdk.ts";
import type { SessionCapability } from "./capability.ts";
import { type ClientEra, discoveryFor } from "./client_era.ts";
import { Deadline, DeadlineError } from "../../runtime/deadline.ts";
import { createSession } from "./session_requests.ts";
import { created, hasState, lost, mergeListed, resumed } from "./cookie_rules.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import type { PendingRequests } from "./pending_requests.ts";
import type { Ask } from "./internal_requests.ts";
import { SessionPresence, type SessionPresenceParts } from "./session_presence.ts";

export interface SessionAcquirerParts extends Omit<SessionPresenceParts, "offersList"> {
  readonly pendingRequests: PendingRequests;
  readonly era: ClientEra;
  /** Whether a jar that has failed is read again: no session is better than one that is not the jar's. */
  readonly requiresSession: boolean;
}

/** Makes one attempt for each slot at a time, however many requests wait for it. */
export class SessionAcquirer {
  #capability: SessionCapability | undefined;
  #title = "";
  /** The discovery of the layer's own. Never rejects. */
  #discovery: Promise<void> | undefined;
  readonly presence: SessionPresence;

  readonly #parts: SessionAcquirerParts;
  /** The pending attempt for each slot. Never rejects. */
  readonly #acquisitions = new Map<CookieSlot, Promise<void>>();

  constructor(parts: SessionAcquirerParts) {
    this.#parts = parts;
    this.presence = new SessionPresence({ ...parts, offersList: () => this.offers("list") });
  }

  /** The server's capability; `undefined` if it has none, or none is known yet. */
  get capability(): SessionCapability | undefined {
    return this.#capability;
  }

  /** The title of new sessions. */
  get title(): string {
    return this.#title;
  }

  /** Learns from the result of a handshake; whether it is one that settles the era. */
  settle(request: JSONRPCRequest, result: unknown): boolean {
    const handshake = this.#parts.era.settle(request, result);
    if (handshake === undefined) return false;
    this.#capability = handshake.capability;
    this.#title = handshake.title;
    return true;
  }

  /**
   * Finds out what the client of a modern `request` knows from an earlier connection, and begins to acquire
   * the session of `slot`. Never rejects.
   */
  async discover(request: JSONRPCRequest, slot: CookieSlot | undefined): Promise<void> {
    await (this.#discovery ??= this.#discover(discoveryFor(request)));
    if (slot !== undefined) void this.acquire(slot);
  }

  async #discover(discovery: ReturnType<typeof discoveryFor>): Promise<void> {
    const { method, params } = discovery;
    try {
      const result = await this.#parts.requests.ask(this.#deadline(), method, params);
      this.settle(discovery, result);
    } catch (error) {
      // A server that has answered, or was silent, is not asked again.
      const isFinal = error instanceof WireError || error instanceof DeadlineError;
      if (!isFinal) this.#discovery = undefined;
      this.#parts.onerror(
        new Error(`Cannot discover the server: ${messageOf(error)}`, { cause: error }),
      );
    }
  }

  offers(feature: string): boolean {
    return this.#capability?.features.includes(feature) === true;
  }

  acquisition(slot: CookieSlot): Promise<void> | undefined {
    return this.#acquisitions.get(slot);
  }

  /**
   * Acquires the session in the jar of `slot`, which may be another process's, or else a new one, once
   * `connected`. Never rejects: requests go on without a session.
   */
  acquire(slot: CookieSlot, connected = Promise.resolve(), afterLoss = false): Promise<void> {
    const deadline = this.#deadline();
    const acquisition = this.#acquisitions.get(slot) ?? deadline.limit(connected)
      .then(() => this.#acquire(slot, deadline, afterLoss))
      // Saved before it is used, so that a killed client finds it again.
      .then(() => deadline.limit(slot.flush()))
      .catch((error) =>
        this.#parts.onerror(
          new Error(`Cannot get a session: ${messageOf(error)}`, { cause: error }),
        )
      )
      .finally(() => this.#acquisitions.delete(slot));
    this.#acquisitions.set(slot, acquisition);
    return acquisition;
  }

  /**
   * Acquires another session than `gone`, which is lost if `slot` still holds it when the calls that are under
   * way in it are answered, or after a bounded time. Never rejects.
   */
  async replace(slot: CookieSlot, gone: HeldCookie | undefined): Promise<void> {
    if (gone !== undefined) {
      const answers = this.#parts.pendingRequests.answers(slot, gone.id);
      await this.#deadline().limit(answers).catch(() => {});
      if (this.#parts.signal.aborted) return;
    }
    const isLost = slot.cookie !== undefined && slot.cookie.id === gone?.id;
    if (isLost) slot.apply(lost(slot.cookie));
    const isHeld = slot.cookie !== undefined && !this.#acquisitions.has(slot);
    if (!isHeld) await this.acquire(slot, Promise.resolve(), isLost);
  }

  /**
   * Replaces the session of a call that may be refused in words, if the list lacks it. A server that
   * keeps state in the cookie accepts sessions that its list lacks: there the words must be `isClear`,
   * too. Never rejects.
   */
  async checkRefusal(
    slot: CookieSlot,
    carried: HeldCookie | undefined,
    isClear: boolean,
  ): Promise<void> {
    if (slot.cookie?.id !== carried?.id) return;
    if (carried !== undefined && !await this.presence.isUnlisted(slot)) return;
    if (slot.cookie !== undefined && hasState(slot.cookie) && !isClear) return;
    if (carried !== undefined || this.offers("create")) await this.replace(slot, carried);
  }

  /** Waits for a bounded time until the jar has the cookie of `slot`. Never rejects. */
  async saved(slot: CookieSlot): Promise<void> {
    await this.#deadline().limit(slot.flush()).catch(this.#parts.onerror);
  }

  async #acquire(slot: CookieSlot, deadline: Deadline, afterLoss: boolean): Promise<void> {
    if (this.#capability === undefined || slot.cookie !== undefined) return;
    this.presence.markConfirmed(slot);
    const ask = this.#parts.requests.within(deadline);
    const saved = await slot.load(deadline, this.#parts.requiresSession);
    if (saved !== undefined && await this.#resume(slot, ask, saved, afterLoss)) return;
    if (slot.cookie === undefined && this.offers("create")) await this.#create(slot, ask, deadline);
  }

  async #create(slot: CookieSlot, ask: Ask, deadline: Deadline): Promise<void> {
    const cookie = await createSession(ask, this.#title);
    if (await slot.add(created(cookie), deadline) || !this.offers("delete")) return;
    await ask(METHOD.delete, withCookie({}, cookie)).catch(this.#parts.onerror);
  }

  /**
   * Holds the jar's session, though the list may lack it: a call shows whether the server accepts it.
   * Right after a loss, a session that the list lacks was lost as well.
   */
  async #resume(
    slot: CookieSlot,
    ask: Ask,
    saved: HeldCookie,
    afterLoss: boolean,
  ): Promise<boolean> {
    const listed = await this.presence.lookUp(slot, saved, ask);
    const { cookie } = slot;
    // Meanwhile a result may have brought another session.
    if (cookie?.id !== saved.id) return cookie !== undefined;
    const isLost = listed === null && afterLoss;
    if (isLost) slot.apply(lost(cookie));
    else slot.apply(listed ? resumed(mergeListed(cookie, listed), true) : resumed(cookie, false));
    return !isLost;
  }

  #deadline(): Deadline {
    return new Deadline(this.#parts.establishMs, this.#parts.signal);
  }
}
