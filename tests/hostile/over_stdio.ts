/** The attack over stdio: volleys of lines in pieces of any size, on the pipe of the neighbour. */

import { Random } from "../support/random.ts";
import { checkEra } from "./era_verdict.ts";
import { cancelledBy, expectedFor, parsed } from "./expected.ts";
import { Ledger } from "./ledger.ts";
import type { Aim } from "./messages.ts";
import { type Ask, createSession, Neighbour } from "./neighbour.ts";
import { Pipe } from "./pipe.ts";
import {
  checkLog,
  flagsOf,
  named,
  OWN_SESSIONS,
  type Shot,
  shot,
  type SiegeOptions,
} from "./siege.ts";
import { checkText, Fault, type Message, type Private } from "./verdict.ts";

/** The most messages of a volley. */
const VOLLEY = 20;
/** The time limit of a response to the neighbour, with the start of the server. */
const NEIGHBOUR_MS = 60_000;
/** The prefix of the neighbour's request ids, which the attacker does not use. */
const NEIGHBOURS = "neighbour-";

/** @throws {Fault} naming the seed, the request and what the server did wrong. */
export async function attackStdio(options: SiegeOptions): Promise<void> {
  const { server, args = [], seed, requests, handles = false } = options;
  await using pipe = new Pipe(server, [...args, "--store", "memory:", ...flagsOf(options)]);
  const line = new Line(pipe, options.answerMs);
  const neighbour = await Neighbour.open(line.ask, options);
  const own: string[] = [];
  while (own.length < OWN_SESSIONS) own.push(await createSession(line.ask));
  const aim: Aim = { own, other: neighbour.id, others: ["nobody", -1, 0.5, ""], handles };
  const priv = { ids: [neighbour.id], secret: neighbour.secret };
  line.guard(priv);

  const over = new AbortController();
  const work = neighbour.work(over.signal);
  const attack = async () => {
    const random = new Random(seed);
    for (let first = 1; first <= requests && !over.signal.aborted;) {
      const count = Math.min(1 + random.below(VOLLEY), requests - first + 1);
      const shots = Array.from({ length: count }, (_, index) => shot(seed, first + index, aim));
      // Some messages come twice, or out of order.
      if (random.chance(0.3)) shots.push(random.pick(shots));
      if (random.chance(0.3)) shots.reverse();
      if (random.chance(0.2)) {
        shots.splice(random.below(count), 0, ...cancelled(first, random, aim));
      }
      const span = { number: first, bytes: shots[0]?.bytes ?? new Uint8Array() };
      await named(seed, span, `and the ${shots.length - 1} after it:`, () => {
        return line.volley(shots, random);
      });
      first += count;
    }
  };
  const attacking = attack();
  try {
    await Promise.race([attacking, pipe.failed, work.then(() => pipe.failed)]);
  } catch (error) {
    throw error instanceof Fault && !error.message.includes("TEST_SEED")
      ? new Fault(`${error.message}; TEST_SEED=${seed}`)
      : error;
  } finally {
    over.abort();
    await Promise.allSettled([attacking, work]);
  }
  await work;
  await neighbour.verify();
  const { status, log } = await pipe.end();
  checkLog(log, priv);
  if (status !== 0) throw new Fault(`The server ended with status ${status}`);
}

/** A call that would never end, and its cancellation; neither gets a response. */
function cancelled(number: number, random: Random, { own, handles }: Aim): Shot[] {
  const id = `held-${number}`;
  const session = random.pick(own);
  const params = handles
    ? { name: "hold", arguments: { session } }
    : { name: "hold", arguments: {}, _meta: { "mcp/session": { id: session } } };
  return [
    { jsonrpc: "2.0", id, method: "tools/call", params },
    { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } },
  ].map((message) => {
    return { number, bytes: new TextEncoder().encode(JSON.stringify(message)), random };
  });
}

/** The pipe of attacker and neighbour, told apart by the ids of their requests. */
class Line {
  readonly #pipe: Pipe;
  readonly #answerMs: number;
  readonly #asked = new Map<string, (message: Message) => void>();
  #priv: Private | undefined;
  #ledger = new Ledger([]);
  /** The messages of the volley. */
  #sent: readonly unknown[] = [];
  #changed = () => {};
  #fault: unknown;
  #lastId = 0;

  constructor(pipe: Pipe, answerMs: number) {
    this.#pipe = pipe;
    this.#answerMs = answerMs;
    pipe.onmessage = (message, text) => this.#receive(message, text);
  }

  /** From now on, only responses to the neighbour may contain anything private. */
  guard(priv: Private): void {
    this.#priv = priv;
  }

  /** Sends a request for the neighbour. */
  readonly ask: Ask = async (method, params) => {
    const id = `${NEIGHBOURS}${++this.#lastId}`;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#asked.set(id, resolve);
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    await this.#pipe.write([new TextEncoder().encode(`${text}\n`)]);
    return await this.#within(
      NEIGHBOUR_MS,
      promise,
      () => `no answer to the neighbour's ${method}`,
    );
  };

  /** Sends messages for the attacker, and waits for all required responses. */
  async volley(shots: readonly Shot[], random: Random): Promise<void> {
    // A response without an id could belong to any message: a message that may get one is sent alone.
    const isAlone = ({ bytes }: Shot) => {
      const expected = expectedFor(bytes, new Set());
      return expected.kind === "id" && expected.orNull;
    };
    const together = shots.filter((shot) => !isAlone(shot));
    if (together.length > 0) await this.#send(together, random);
    for (const shot of shots.filter(isAlone)) await this.#send([shot], random);
  }

  async #send(shots: readonly Shot[], random: Random): Promise<void> {
    const ends = shots.map(() => random.chance(0.2) ? "\r\n" : "\n");
    const text = concat(shots.flatMap(({ bytes }, index) => {
      return [bytes, new TextEncoder().encode(ends[index])];
    }));
    const lines = splitLines(text);
    const cancelled = new Set(lines.map(cancelledBy).filter((id) => id !== undefined));
    this.#ledger = new Ledger(lines.map((line) => expectedFor(line, cancelled)));
    this.#sent = lines.map(parsed);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#changed = () => {
      if (this.#fault !== undefined || this.#ledger.missing.length === 0) resolve();
    };
    await this.#pipe.write(pieces(text, random));
    this.#changed();
    await this.#within(this.#answerMs, promise, () => `no answer to ${this.#ledger.missing}`);
    // All immediate output to the volley comes before this response.
    await this.ask("ping", {});
    if (this.#fault !== undefined) throw this.#fault;
  }

  #receive(message: Message, text: string): void {
    const { id } = message;
    const asked = typeof id === "string" ? this.#asked.get(id) : undefined;
    if (asked !== undefined && typeof id === "string") {
      this.#asked.delete(id);
      return asked(message);
    }
    try {
      const { ids, secret } = this.#priv ?? { ids: [], secret: "secret-" };
      // Over stdio, session/list and session_list show the sessions of the local user.
      const { sessions, structuredContent } = Object(message.result);
      const listed = Array.isArray(sessions ?? Object(structuredContent).sessions);
      checkText(text, { ids: listed ? [] : ids, secret });
      if (message.method === undefined) {
        this.#ledger.answered(message);
        const asking = this.#sent.filter((sent) => Object(sent).id === id);
        // Of two with one id nobody can tell which is answered.
        if (asking.length === 1) checkEra(asking[0], message);
      }
    } catch (error) {
      this.#fault ??= error;
    }
    this.#changed();
  }

  async #within<T>(ms: number, promise: Promise<T>, why: () => string): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Fault(`After ${ms} ms there is ${why()}`)), ms);
    try {
      return await Promise.race([promise, late.promise, this.#pipe.failed]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The lines as a server sees them: a message may contain a newline. */
function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0, end; (end = bytes.indexOf(0x0a, start)) !== -1; start = end + 1) {
    lines.push(bytes.subarray(start, end));
  }
  return lines;
}

/** Cuts bytes anywhere, into up to five pieces. */
function pieces(bytes: Uint8Array, random: Random): Uint8Array[] {
  const cuts = Array.from({ length: random.below(5) }, () => random.below(bytes.length));
  const ends = [...cuts.sort((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}
