/**
 * Guess brake: whoever presents many ids that lead to no session has further ones looked up a few at a
 * time, so that a million guesses keep nobody else waiting.
 *
 * @module
 */

import { CODE, WireError } from "../../../protocol/errors.ts";
import type { ObservedCaller } from "../observer/observer.ts";

/** Misses of one caller before it is braked. Clients whose sessions have expired present far fewer. */
export const MAX_MISSES = 100;
/** Misses that are forgiven in a second. */
const FORGIVEN_PER_SECOND = 1;
/** After this time without a miss, a caller's misses are counted anew. */
const QUIET_MS = 10 * 60 * 1000;
/** Misses that count at most: whoever shares an address with a guesser is free again after a quiet time. */
const MAX_LEVEL = MAX_MISSES + QUIET_MS / 1000 * FORGIVEN_PER_SECOND;
/** Lookups of braked callers at the same time, in all. */
const MAX_RUNNING = 4;
/** Lookups of one braked caller, and of all, that run or wait. Further ones are refused. */
const MAX_PENDING = 16;
const MAX_PENDING_IN_ALL = 256;
/** Callers whose misses are counted. Further ones are counted together. */
const MAX_CALLERS = 4096;
/** Dead ids of a caller that are kept in mind: to present one again is no further guess. */
const MAX_RECENT = 8;
const SWEEP_MS = 1000;

/** A caller, as far as callers can be told apart, and its misses. */
interface Guesser {
  /** Misses that are not forgiven yet. */
  level: number;
  changedAt: number;
  /** Distinct misses since the last quiet time. */
  count: number;
  recent: string[];
  pending: number;
}

export class GuessBrake {
  readonly #guessers = new Map<string, Guesser>();
  /** All callers for whom there was no place. */
  readonly #others = newGuesser();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #pending = 0;
  #sweptAt = -Infinity;

  /**
   * Looks up an id that a caller presents: at once, unless the caller is braked.
   *
   * @throws {WireError} -32603 `braked` if too many lookups of braked callers wait.
   */
  run<T>(caller: ObservedCaller, lookup: () => Promise<T>): Promise<T> {
    const guesser = this.#guessers.get(nameOf(caller)) ??
      (this.#guessers.size < MAX_CALLERS ? undefined : this.#others);
    if (guesser === undefined || levelOf(guesser) < MAX_MISSES) return lookup();
    return this.#runBraked(guesser, lookup);
  }

  /**
   * Counts an id that has led to no session. Whoever presents the same few again and again has not
   * guessed.
   *
   * @returns how many there have been of this caller, if that is worth telling: each up to a hundred, and
   * then each doubling.
   */
  miss(caller: ObservedCaller, id: string): number | undefined {
    const guesser = this.#guesserOf(caller);
    const now = performance.now();
    if (now - guesser.changedAt > QUIET_MS) Object.assign(guesser, { count: 0, recent: [] });
    guesser.level = levelOf(guesser);
    guesser.changedAt = now;
    if (guesser.recent.includes(id)) return undefined;
    guesser.recent = [id, ...guesser.recent.slice(0, MAX_RECENT - 1)];
    guesser.level = Math.min(guesser.level + 1, MAX_LEVEL);
    const count = ++guesser.count;
    return count <= MAX_MISSES || Number.isInteger(Math.log2(count / MAX_MISSES))
      ? count
      : undefined;
  }

  async #runBraked<T>(guesser: Guesser, lookup: () => Promise<T>): Promise<T> {
    if (guesser.pending >= MAX_PENDING || this.#pending >= MAX_PENDING_IN_ALL) throw braked();
    guesser.pending++;
    this.#pending++;
    try {
      if (this.#running >= MAX_RUNNING) {
        await new Promise<void>((resolve) => void this.#waiting.push(resolve));
      } else {
        this.#running++;
      }
      try {
        return await lookup();
      } finally {
        // The next one takes the place.
        const next = this.#waiting.shift();
        if (next === undefined) this.#running--;
        else next();
      }
    } finally {
      guesser.pending--;
      this.#pending--;
    }
  }

  #guesserOf(caller: ObservedCaller): Guesser {
    const name = nameOf(caller);
    const known = this.#guessers.get(name);
    if (known !== undefined) return known;
    if (this.#guessers.size >= MAX_CALLERS && !this.#sweep()) return this.#others;
    const made = newGuesser();
    this.#guessers.set(name, made);
    return made;
  }

  /** Forgets those who are forgiven. `false` if there is none. */
  #sweep(): boolean {
    const now = performance.now();
    if (now - this.#sweptAt < SWEEP_MS) return false;
    this.#sweptAt = now;
    for (const [name, guesser] of this.#guessers) {
      if (guesser.pending === 0 && levelOf(guesser) === 0) this.#guessers.delete(name);
    }
    return this.#guessers.size < MAX_CALLERS;
  }
}

function newGuesser(): Guesser {
  return { level: 0, changedAt: performance.now(), count: 0, recent: [], pending: 0 };
}

function levelOf({ level, changedAt }: Guesser): number {
  const forgiven = (performance.now() - changedAt) / 1000 * FORGIVEN_PER_SECOND;
  return Math.max(0, level - forgiven);
}

/** Never -32002, upon which a client would forget a session that may be there. */
function braked(): WireError {
  return new WireError(
    CODE.internalError,
    "Too many session ids that lead to no session have come from this caller: try again later",
    { code: "braked" },
  );
}

/** The principal, or else the address: of IPv6 the network, as one host has all addresses of its own. */
function nameOf({ owner, address = "" }: ObservedCaller): string {
  if (owner !== null) return `owner ${owner}`;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array(Math.max(0, 8 - groups.length - rest.length)).fill("0");
  return [...groups, ...zeros, ...rest].slice(0, 4).join(":");
}
