/**
 * Whether the sessions that keepers hold are still there, as far as the server's list can tell. A list
 * may show less than the server takes, so this decides nothing alone.
 *
 * @module
 */

import type { HeldCookie } from "../protocol.ts";
import { Deadline } from "./deadline.ts";
import { findSession } from "./establish.ts";
import { listed } from "./held.ts";
import type { Keeper } from "./keeper.ts";
import type { Ask, OwnRequests } from "./own_requests.ts";

/** What a presence is made of. */
export interface PresenceParts {
  /** Asks the server. */
  readonly own: OwnRequests;
  /** Whether the server has a list. */
  readonly offersList: () => boolean;
  /** How long an answer may take. */
  readonly answerMs: number;
  /** Ends everything early. */
  readonly signal: AbortSignal;
  /** Told why there was no answer. */
  readonly fail: (error: unknown) => void;
}

/** What this connection has shown of a keeper's session. */
class Known {
  /** Whether the server has been asked, or has made the session on this connection. */
  confirmed = false;
  /** Ends when the server has been asked for the first time. */
  confirming: Promise<void> | undefined;
  /** The question on its way, whether the session `id` is gone. */
  question: { readonly id: string; readonly isGone: Promise<boolean> } | undefined;
  /** The id of a session that the list lacked. */
  unlisted: string | undefined;
  /** The id of a session that the list lacked, and that the server took all the same. */
  taken: string | undefined;
}

/** Asks for each keeper's session, one question at a time. */
export class Presence {
  readonly #parts: PresenceParts;
  #known = new WeakMap<Keeper, Known>();

  /** Knows nothing at first. */
  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  /** Forgets everything, as the connection is a new one, maybe to a server that has forgotten, too. */
  reset(): void {
    this.#known = new WeakMap();
  }

  /** The session that `keeper` holds, or will hold, is of this connection. */
  confirmed(keeper: Keeper): void {
    this.#of(keeper).confirmed = true;
  }

  /**
   * Asks, once on each connection, whether the session is there that `keeper` holds.
   *
   * @returns What to wait for, if there is something. Never rejects.
   */
  confirm(keeper: Keeper): Promise<void> | undefined {
    const known = this.#of(keeper);
    if (!known.confirmed && keeper.cookie !== undefined) {
      known.confirming = this.isGone(keeper).then(() => {
        known.confirming = undefined;
      });
    }
    known.confirmed = true;
    return known.confirming;
  }

  /**
   * Asks whether the session is gone that `keeper` holds. A list that lacks sessions which the server
   * takes is no proof. Never rejects.
   */
  async isGone(keeper: Keeper): Promise<boolean> {
    const { cookie } = keeper;
    const known = this.#of(keeper);
    if (cookie === undefined || known.taken === cookie.id || !this.#parts.offersList()) {
      return false;
    }
    let { question } = known;
    if (question?.id !== cookie.id) {
      question = { id: cookie.id, isGone: this.#ask(keeper, cookie) };
      known.question = question;
    }
    const isGone = await question.isGone;
    if (known.question === question) known.question = undefined;
    return isGone;
  }

  /** A call came back with the session that `keeper` holds: the server takes it, listed or not. */
  taken(keeper: Keeper): void {
    const known = this.#of(keeper);
    if (known.unlisted === keeper.cookie?.id) known.taken = known.unlisted;
  }

  /**
   * Looks for `keeper`'s session in the list: its cookie there, `null` if it is not there, `undefined`
   * if nobody can tell. Never rejects.
   */
  async look(
    keeper: Keeper,
    cookie: HeldCookie,
    ask: Ask,
  ): Promise<HeldCookie | null | undefined> {
    if (!this.#parts.offersList()) return undefined;
    const known = this.#of(keeper);
    try {
      const found = await findSession(ask, cookie);
      known.unlisted = found === null ? cookie.id : undefined;
      return found;
    } catch (error) {
      // A server that can't answer has not said that the session is gone.
      this.#parts.fail(error);
      return undefined;
    }
  }

  async #ask(keeper: Keeper, held: HeldCookie): Promise<boolean> {
    const { own, answerMs, signal } = this.#parts;
    const deadline = new Deadline(answerMs, signal);
    const found = await this.look(
      keeper,
      held,
      (method, params) => own.ask(deadline, method, params),
    );
    if (found && keeper.cookie?.id === held.id) {
      keeper.apply({ cookie: listed(keeper.cookie, found), events: [] });
    }
    return found === null;
  }

  #of(keeper: Keeper): Known {
    const known = this.#known.get(keeper) ?? new Known();
    this.#known.set(keeper, known);
    return known;
  }
}
