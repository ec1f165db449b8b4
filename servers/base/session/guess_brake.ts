/**
 * Guess brake: whoever presents many ids that lead to no session has further ones looked up a few at a
 * time, so that a million guesses keep nobody else waiting.
 *
 * @module
 */

import { CODE, WireError } from "../../../protocol/errors.ts";
import { sha256 } from "../../../runtime/sha256.ts";
import type { ObservedCaller } from "../observer/observer.ts";

/** Misses of one caller before it is braked. Clients whose sessions have expired present far fewer. */
const MAX_MISSES = 100;
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
/** Callers whose misses are counted by themselves. Further ones share a count with those of their network. */
const MAX_CALLERS = 4096;
/** Counts that further ones share. Together they forgive more guesses than a process can answer. */
const MAX_SHARED = 16_384;
/** Dead ids of a caller that are kept in mind: to present one again is no further guess. */
const MAX_RECENT = 8;
const SWEEP_MS = 1000;

/** A miss, as it was counted. */
export interface Miss {
  /** Distinct misses of the caller since its last quiet time. */
  readonly count: number;
  /** Whether the count has just come to {@linkcode MAX_MISSES}. */
  readonly isWarning: boolean;
  /** Whether it is worth telling. */
  readonly isTold: boolean;
}

export class GuessBrake {
  readonly #callers = new MissCounts();
  /** Misses that were ids of another's session, by its owner. */
  readonly #robbed = new MissCounts();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #pending = 0;

  /**
   * Looks up an id that a caller presents: at once, unless the caller is braked.
   *
   * @throws {WireError} -32603 `braked` if too many lookups of braked callers wait.
   */
  run<T>(caller: ObservedCaller, lookup: () => Promise<T>): Promise<T> {
    const guesser = this.#callers.find(caller);
    if (guesser === undefined || guesser.level < MAX_MISSES) return lookup();
    return this.#runBraked(guesser, lookup);
  }

  /**
   * Counts an id that has led to no session of the caller's own. Whoever presents the same few again and
   * again has not guessed. Worth telling is each up to a hundred, and then each doubling: of this caller's
   * guesses, and, of ids that are not guessed, of those of one owner's sessions. So nobody can hide a
   * theft among guesses, or among sessions of his own.
   *
   * @param robbed the owner of the session that the id leads to, if there is one.
   */
  miss(caller: ObservedCaller, id: string, robbed?: string | null): Miss {
    // A longer part would keep the whole in memory.
    const hash = sha256(`${nameOf(caller)} ${id}`).slice(0, 12);
    const guesser = this.#callers.get(caller);
    const isGuess = guesser.add(hash);
    const { count } = guesser;
    const isWarning = isGuess && count === MAX_MISSES;
    if (robbed === undefined) return { count, isWarning, isTold: isGuess && isMark(count) };
    const thefts = this.#robbed.get({ owner: robbed, address: undefined });
    return { count, isWarning, isTold: thefts.add(hash) && isMark(thefts.count) };
  }

  async #runBraked<T>(guesser: MissCount, lookup: () => Promise<T>): Promise<T> {
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
}

/** The misses of a caller, or of several that share a count. */
class MissCount {
  /** Distinct misses since the last quiet time. */
  count = 0;
  /** Lookups that run or wait, as their caller is braked. */
  pending = 0;
  #level = 0;
  #changedAt = performance.now();
  #recent: string[] = [];

  /** Misses that are not forgiven yet. */
  get level(): number {
    const forgiven = (performance.now() - this.#changedAt) / 1000 * FORGIVEN_PER_SECOND;
    return Math.max(0, this.#level - forgiven);
  }

  /** Counts a miss, named by a hash. `false` if it is one of the last few. */
  add(hash: string): boolean {
    const now = performance.now();
    if (now - this.#changedAt > QUIET_MS) {
      this.count = 0;
      this.#recent = [];
    }
    const { level } = this;
    const isNew = !this.#recent.includes(hash);
    this.#level = isNew ? Math.min(level + 1, MAX_LEVEL) : level;
    this.#changedAt = now;
    if (!isNew) return false;
    this.count++;
    this.#recent = [hash, ...this.#recent.slice(0, MAX_RECENT - 1)];
    return true;
  }
}

/** The misses of any number of callers, in bounded memory. */
class MissCounts {
  readonly #own = new Map<string, MissCount>();
  /** Counts of all callers for whom there was no place. */
  readonly #shared = new Map<number, MissCount>();
  /** By chance, so that nobody can choose with whom to share a count. */
  readonly #seed = crypto.randomUUID();
  #sweptAt = -Infinity;

  /** The count that a caller's misses are in, if there is one. */
  find(caller: ObservedCaller): MissCount | undefined {
    const own = this.#own.get(nameOf(caller));
    if (own !== undefined || this.#own.size < MAX_CALLERS) return own;
    return this.#shared.get(this.#shareOf(caller));
  }

  /** The count for a caller's misses, which is made if it is missing. */
  get(caller: ObservedCaller): MissCount {
    const name = nameOf(caller);
    const own = this.#own.get(name);
    if (own !== undefined) return own;
    if (this.#own.size < MAX_CALLERS || this.#sweep()) return made(this.#own, name);
    const share = this.#shareOf(caller);
    return this.#shared.get(share) ?? made(this.#shared, share);
  }

  #shareOf(caller: ObservedCaller): number {
    return parseInt(sha256(this.#seed + networkOf(caller)).slice(0, 8), 16) % MAX_SHARED;
  }

  /** Forgets those who are forgiven. `false` if there is none. */
  #sweep(): boolean {
    const now = performance.now();
    if (now - this.#sweptAt < SWEEP_MS) return false;
    this.#sweptAt = now;
    for (const [name, { level, pending }] of this.#own) {
      if (pending === 0 && level === 0) this.#own.delete(name);
    }
    return this.#own.size < MAX_CALLERS;
  }
}

function made<K>(counts: Map<K, MissCount>, key: K): MissCount {
  const count = new MissCount();
  counts.set(key, count);
  return count;
}

/** Whether a count is one of those that are told: each up to a hundred, and then each doubling. */
function isMark(count: number): boolean {
  return count <= MAX_MISSES || Number.isInteger(Math.log2(count / MAX_MISSES));
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

/** Callers of one network: the principal, or else /16 of IPv4 and /32 of IPv6, that few have whole. */
function networkOf(caller: ObservedCaller): string {
  const name = nameOf(caller);
  if (caller.owner !== null) return name;
  const separator = name.includes(":") ? ":" : ".";
  return name.split(separator, 2).join(separator);
}
