/**
 * Work of the clients with each of the four servers, and the state that must be there afterwards.
 */

import type { Random } from "../support/random.ts";
import type { ServerName } from "../support/servers/server.ts";
import type { Caller, Outcome } from "./callers.ts";

/** A write that was acknowledged and is not there. */
export class Loss extends Error {
  override readonly name = "Loss";
}

/** Work of one client in one session. */
export abstract class Worker {
  readonly #caller: Caller;
  protected readonly random: Random;
  /** Calls in all. */
  calls = 0;
  /** Calls of this session that were sent, and those that were answered. */
  protected sent = 0;
  protected answered = 0;
  /** Acknowledged writes. */
  acknowledged = 0;
  /** Reads of the state. */
  verified = 0;

  constructor(caller: Caller, random: Random) {
    this.#caller = caller;
    this.random = random;
  }

  protected get session(): string | undefined {
    return this.#caller.session;
  }

  /** Makes a call or a few. */
  abstract step(): Promise<void>;

  /** @throws {Loss} if an acknowledged write of this session is not there. */
  abstract verify(): Promise<void>;

  /** Replaces the session. */
  protected async renew(): Promise<void> {
    await this.#caller.renew();
    this.sent = this.answered = 0;
  }

  protected async call(tool: string, args: object = {}): Promise<Outcome> {
    this.calls++;
    this.sent++;
    const outcome = await this.#caller.call(tool, args);
    if (outcome !== undefined) this.answered++;
    return outcome;
  }

  /** Repeats an idempotent call until it is answered. */
  protected async insist(tool: string, args: object = {}) {
    for (;;) {
      const outcome = await this.call(tool, args);
      if (outcome !== undefined) return outcome;
    }
  }

  /** @throws {Loss} if the server counts fewer calls than it answered, or more than were sent. */
  protected checkCount(counted: unknown): void {
    this.verified++;
    if (Number(counted) >= this.answered && Number(counted) <= this.sent) return;
    throw new Loss(
      `${this.session?.slice(0, 13)} counts ${counted} calls of ${this.answered} that were ` +
        `answered and ${this.sent} that were sent`,
    );
  }
}

class Hashes extends Worker {
  readonly #stored = new Map<string, string>();
  #last = 0;

  async step(): Promise<void> {
    const key = `key ${this.random.below(50)}`;
    if (this.random.chance(0.3)) return await this.#verify(key);
    const text = `${key} ${++this.#last}`;
    await this.insist("hashcheck_store", { key, text });
    this.acknowledged++;
    this.#stored.set(key, text);
  }

  async verify(): Promise<void> {
    for (const key of this.#stored.keys()) await this.#verify(key);
    const { structured: { count } } = await this.insist("hashcheck_list");
    if (count !== this.#stored.size) {
      throw new Loss(`hashcheck has ${count} keys of ${this.#stored.size}`);
    }
  }

  async #verify(key: string): Promise<void> {
    const text = this.#stored.get(key);
    if (text === undefined) return;
    const { structured: { match } } = await this.insist("hashcheck_verify", { key, text });
    this.verified++;
    if (match !== true) throw new Loss(`hashcheck has lost ${JSON.stringify(text)}`);
  }
}

class Notes extends Worker {
  /** Notes in order; a note with an unknown outcome may be there or not. */
  #notes: { readonly text: string; readonly sure: boolean }[] = [];
  #last = 0;

  async step(): Promise<void> {
    if (this.#notes.length >= 60) {
      await this.verify();
      await this.insist("notebook_clear");
      this.acknowledged++;
      this.#notes = [];
    }
    const text = `note ${++this.#last}`;
    const outcome = await this.call("notebook_append", { text });
    this.#notes.push({ text, sure: outcome !== undefined });
    if (outcome !== undefined) this.acknowledged++;
    if (this.random.chance(0.1)) await this.verify();
  }

  async verify(): Promise<void> {
    const { structured: { notes } } = await this.insist("notebook_read");
    const found = (Array.isArray(notes) ? notes : []).map(({ text }) => String(text));
    this.verified++;
    const isThere = this.#notes.filter(({ text, sure }) => sure || found.includes(text));
    if (JSON.stringify(found) !== JSON.stringify(isThere.map(({ text }) => text))) {
      const lost = this.#notes.filter(({ text, sure }) => sure && !found.includes(text));
      throw new Loss(
        `notebook has lost ${lost.map(({ text }) => text)}, and has ${found.slice(-5)} at its end`,
      );
    }
    const { structured: { tool_calls } } = await this.insist("notebook_status");
    this.checkCount(tool_calls);
  }
}

class Whoami extends Worker {
  async step(): Promise<void> {
    if (this.random.chance(0.3)) return await this.verify();
    const sent = `text ${this.random.next()}`;
    const { text } = await this.insist("echo", { text: sent });
    this.verified++;
    if (text !== sent) throw new Loss(`echo makes ${text} of ${sent}`);
  }

  async verify(): Promise<void> {
    const { structured } = await this.insist("whoami");
    if (structured.session_id !== this.session) throw new Loss("whoami is in another session");
    this.checkCount(structured.tool_calls);
  }
}

class Probe extends Worker {
  #id: string | undefined;

  async step(): Promise<void> {
    await this.verify();
    if (!this.random.chance(0.02)) return;
    const outcome = await this.call("session_probe", { action: "new" });
    // A lost response takes the new id with it.
    if (outcome === undefined) return await this.renew();
    this.acknowledged++;
    this.#id = Object(outcome.structured.session).id;
    this.sent = this.answered = Number(outcome.structured.calls);
  }

  protected override async renew(): Promise<void> {
    await super.renew();
    this.#id = undefined;
  }

  async verify(): Promise<void> {
    const { structured: { session, calls } } = await this.insist("session_probe");
    const { id } = Object(session);
    this.#id ??= id;
    if (id !== this.#id) throw new Loss("session_probe is in another session");
    this.checkCount(calls);
  }
}

const WORKERS = {
  session: Probe,
  session_required: Whoami,
  notebook: Notes,
  hashcheck: Hashes,
};

/** A new session's work. */
export function worker(server: ServerName, caller: Caller, random: Random): Worker {
  return new WORKERS[server](caller, random);
}
