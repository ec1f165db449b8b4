/** The neighbour: a valid client beside the attacker, with a secret in its session. */

import { envelope, EXTENSION } from "../support/servers/modern_wire.ts";
import type { SiegeOptions } from "./siege.ts";
import { around, Fault, type Message } from "./verdict.ts";

/** Sends a request, and returns its response. */
export type Ask = (method: string, params: object) => Promise<Message>;

/** The most notes of the neighbour. */
const NOTES = 200;

/** Works in a session of its own, and verifies it all the time. */
export class Neighbour {
  readonly #ask: Ask;
  readonly #handles: boolean;
  readonly id: string;
  readonly secret: string;
  readonly #notes: string[] = [];
  #calls = 0;

  private constructor(ask: Ask, id: string, secret: string, handles: boolean) {
    this.#ask = ask;
    this.#handles = handles;
    this.id = id;
    this.secret = secret;
  }

  /** Makes the session, with the secret in it. */
  static async open(ask: Ask, { handles = false }: SiegeOptions): Promise<Neighbour> {
    const id = await createSession(ask);
    const neighbour = new Neighbour(ask, id, `secret-${crypto.randomUUID()}`, handles);
    await neighbour.#note();
    return neighbour;
  }

  /** Works until aborted, for a round at least. */
  async work(until: AbortSignal): Promise<void> {
    for (let round = 0; round === 0 || !until.aborted; round++) {
      if (this.#notes.length < NOTES) await this.#note();
      await this.#call("wait", "3");
      if (round % 10 === 0) await this.verify();
    }
  }

  /** @throws {Fault} if the session has changed. */
  async verify(): Promise<void> {
    const { list } = await this.#call("read");
    if (JSON.stringify(list) !== JSON.stringify(this.#notes)) {
      throw new Fault(`The neighbour finds ${around(JSON.stringify(list))} in its session`);
    }
    const { calls } = await this.#call("count");
    if (calls === this.#calls) return;
    throw new Fault(`The neighbour made ${this.#calls} calls, and the server counts ${calls}`);
  }

  async #note(): Promise<void> {
    const text = `${this.secret} ${this.#notes.length}`;
    this.#notes.push(text);
    await this.#call("append", text);
  }

  async #call(name: string, text = ""): Promise<Record<string, unknown>> {
    // In turn as a client of either era.
    const isModern = this.#calls++ % 2 === 0;
    const key = isModern ? EXTENSION : "mcp/session";
    const cookie = this.#handles ? {} : { [key]: { id: this.id } };
    const params = {
      name,
      arguments: { text, ...(this.#handles && { session: this.id }) },
      _meta: isModern ? envelope(cookie) : cookie,
    };
    const answer = await this.#ask("tools/call", params);
    const found = Object(Object(answer.result).structuredContent);
    if (answer.result !== undefined && Object(answer.result).isError !== true) return found;
    throw new Fault(`The neighbour's ${name} is answered with ${around(JSON.stringify(answer))}`);
  }
}

/** Makes a session, and returns its id. */
export async function createSession(ask: Ask): Promise<string> {
  const { id } = Object((await ask("session/create", {})).result);
  if (typeof id !== "string") throw new Fault("No session can be made");
  return id;
}
