/**
 * An operation on Deno KV: a deadline for all of its calls, and retries with backoff.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { StoreError } from "../session_store.ts";

/** The result of an attempt that lost a race: another follows. */
export const RETRY: unique symbol = Symbol("retry");

// Four processes that do nothing but write to one session lose ten races in a row once in a thousand
// times; none of 8,000 lost thirty.
const RACES = 30;
/** Exponential backoff with full jitter: a random part of a time that doubles, up to the longest. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;
const MOST_REASON = 300;
export const DEFAULT_TIMEOUT_MS = 10_000;

/** One operation of a store: any number of calls before one deadline. */
export class KvOperation {
  readonly #timeoutMs: number;
  readonly #deadline: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#deadline = performance.now() + timeoutMs;
  }

  /**
   * Makes attempts until one succeeds.
   *
   * @throws {StoreError} `conflict` when each of thirty lost its race; `locked` when other processes
   * kept the database locked until the deadline; `unavailable` when KV did not answer in time, and then
   * it is not known whether the last commit was made.
   */
  async retry<T>(attempt: () => Promise<T | typeof RETRY>): Promise<T> {
    for (let tries = 1, lost = 0;; tries++) {
      const pause = Math.random() * Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS);
      try {
        const result = await attempt();
        if (result !== RETRY) return result;
        if (++lost === RACES) throw conflict();
      } catch (error) {
        const isLocked = error instanceof StoreError && error.code === "locked";
        // An attempt gets at least the last tenth of the time.
        const left = this.#deadline - performance.now() - this.#timeoutMs / 10;
        if (!isLocked || pause >= left) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Makes one call before the deadline, and maps its errors. */
  async call<T>(make: () => Promise<T>): Promise<T> {
    const left = this.#deadline - performance.now();
    if (left <= 0) throw this.#late();
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(this.#late()), left);
    try {
      return await Promise.race([make(), promise]);
    } catch (cause) {
      throw kvError(cause);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The entries of a list, each batch of them before the deadline. */
  async *list<T>(make: () => Deno.KvListIterator<T>): AsyncGenerator<Deno.KvEntry<T>> {
    let entries: Deno.KvListIterator<T> | undefined;
    for (;;) {
      const next = await this.call(() => (entries ??= make()).next());
      if (next.done) return;
      yield next.value;
    }
  }

  #late(): StoreError {
    return new StoreError(
      "unavailable",
      `Deno KV did not answer within ${this.#timeoutMs / 1000} seconds: see whether it runs and ` +
        `can be reached; a write that waited for it may still be made`,
    );
  }
}

/** The first line of an error: Deno may append all that a web server has answered. */
export function reasonOf(cause: unknown): string {
  const [line = ""] = messageOf(cause).split("\n");
  return line.slice(0, MOST_REASON);
}

function kvError(cause: unknown): unknown {
  if (cause instanceof StoreError) return cause;
  const reason = reasonOf(cause);
  // From SQLite, when processes write to one file at once.
  if (reason.includes("database is locked")) {
    return new StoreError("locked", "Other processes kept the Deno KV file locked: try again", {
      cause,
    });
  }
  if (cause instanceof Deno.errors.BadResource) {
    return new StoreError("closed", "Deno KV was closed under the store: open both again", {
      cause,
    });
  }
  if (reason.includes("too large")) {
    return new StoreError("too_large", `Deno KV cannot take that much at once: ${reason}`, {
      cause,
    });
  }
  if (/disk is full/.test(reason)) {
    return new StoreError("full", "There is no room left for Deno KV: free some and try again", {
      cause,
    });
  }
  return new StoreError("unavailable", `Deno KV failed: ${reason}`, { cause });
}

function conflict(): StoreError {
  return new StoreError(
    "conflict",
    `Others changed the session each of ${RACES} times: try again`,
  );
}
