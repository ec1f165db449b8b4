/**
 * Whether the sessions that slots hold are still there, as far as the server's list can tell. A list
 * may show less than the server takes, so this decides nothing alone.
 *
 * @module
 */

import type { HeldCookie } from "../../protocol/cookie.ts";
import { Deadline } from "../../runtime/deadline.ts";
import { lookUpSession } from "./session_requests.ts";
import { listed } from "./cookie_rules.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import type { Ask, OwnRequests } from "./internal_requests.ts";

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

/** Whether the list lacks the session `id`, asked once for all who want to know at the same time. */
interface Question {
  readonly id: string;
  readonly isUnlisted: Promise<boolean>;
}

/** What this connection has shown of a slot's session. */
class Known {
  /** Whether the server has been asked, or has made the session on this connection. */
  confirmed = false;
  /** Ends when the server has been asked for the first time. */
  confirming: Promise<void> | undefined;
  /** The question on its way. */
  question: Question | undefined;
  /** Is the list of a kind that can't tell, such as one without end? Then it is not asked again. */
  unclear = false;
  /** The id of a session that the list lacked. */
  unlisted: string | undefined;
  /** The id of a session that the list lacked, and that the server took all the same. */
  taken: string | undefined;
}

/** Asks for each slot's session, one question at a time. */
export class Presence {
  readonly #parts: PresenceParts;
  #known = new WeakMap<CookieSlot, Known>();

  /** Knows nothing at first. */
  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  /** Forgets everything, as the connection is a new one, maybe to a server that has forgotten, too. */
  reset(): void {
    this.#known = new WeakMap();
  }

  /** The session that `slot` holds, or will hold, is of this connection. */
  confirmed(slot: CookieSlot): void {
    this.#of(slot).confirmed = true;
  }

  /**
   * Asks, once on each connection, whether the session is there that `slot` holds.
   *
   * @returns What to wait for, if there is something. Never rejects.
   */
  confirm(slot: CookieSlot): Promise<void> | undefined {
    const known = this.#of(slot);
    if (!known.confirmed && slot.cookie !== undefined) {
      known.confirming = this.#isUnlisted(slot).then(() => {
        known.confirming = undefined;
      });
    }
    known.confirmed = true;
    return known.confirming;
  }

  /** Asks, after a call that failed, whether the session is gone that `slot` holds. Never rejects. */
  isGone(slot: CookieSlot): Promise<boolean> {
    return this.#isUnlisted(slot);
  }

  /** A call came back with the session that `slot` holds: the server takes it, listed or not. */
  taken(slot: CookieSlot): void {
    const known = this.#of(slot);
    if (known.unlisted === slot.cookie?.id) known.taken = known.unlisted;
  }

  /**
   * Looks for `slot`'s session in the list: its cookie there, `null` if it is not there, `undefined`
   * if nobody can tell. Never rejects.
   */
  async look(
    slot: CookieSlot,
    cookie: HeldCookie,
    ask: Ask,
  ): Promise<HeldCookie | null | undefined> {
    if (!this.#parts.offersList()) return undefined;
    const known = this.#of(slot);
    try {
      const found = await lookUpSession(ask, cookie);
      known.unlisted = found === null ? cookie.id : undefined;
      known.unclear = found === undefined;
      return found;
    } catch (error) {
      // A server that can't answer has not said that the session is gone.
      this.#parts.fail(error);
      return undefined;
    }
  }

  async #isUnlisted(slot: CookieSlot): Promise<boolean> {
    const { cookie } = slot;
    const known = this.#of(slot);
    if (cookie === undefined || known.taken === cookie.id || known.unclear) return false;
    if (!this.#parts.offersList()) return false;
    let { question } = known;
    if (question?.id !== cookie.id) {
      question = { id: cookie.id, isUnlisted: this.#ask(slot, cookie) };
      known.question = question;
    }
    const isUnlisted = await question.isUnlisted;
    if (known.question === question) known.question = undefined;
    return isUnlisted;
  }

  async #ask(slot: CookieSlot, held: HeldCookie): Promise<boolean> {
    const { own, answerMs, signal } = this.#parts;
    const deadline = new Deadline(answerMs, signal);
    const found = await this.look(
      slot,
      held,
      (method, params) => own.ask(deadline, method, params),
    );
    if (found && slot.cookie?.id === held.id) {
      slot.apply({ cookie: listed(slot.cookie, found), events: [] });
    }
    return found === null;
  }

  #of(slot: CookieSlot): Known {
    const known = this.#known.get(slot) ?? new Known();
    this.#known.set(slot, known);
    return known;
  }
}
