/**
 * An operation on a database: one deadline for all of its calls, and retries with backoff.
 *
 * @module
 */

import { CoalescedTimer } from "../../runtime/coalesced_timer.ts";
import { NothingDoneError, RefusedError } from "../errors.ts";
import { StoreError } from "../session_store.ts";

/** The result of an attempt that is to be made again. */
export const RETRY: unique symbol = Symbol("retry");

/** Exponential backoff with full jitter: a random part of a time that doubles, up to the longest. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;

/** The operations on one database. */
export class Operations {
  /** As it begins a sentence. */
  readonly database: string;
  readonly timeoutMs: number;
  readonly #late: CoalescedTimer<Operation>;
  readonly #running = new Set<Promise<unknown>>();

  constructor(database: string, timeoutMs: number) {
    this.database = database;
    this.timeoutMs = timeoutMs;
    this.#late = new CoalescedTimer(Math.max(1, timeoutMs), (operation) => operation.expire());
  }

  async run<T>(action: (operation: Operation) => Promise<T>): Promise<T> {
    const operation = new Operation(this);
    this.#late.begin(operation);
    const running = action(operation);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#late.end(operation);
      this.#running.delete(running);
    }
  }

  /** Waits for all that run. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running);
    this.#late.stop();
  }
}

/** One operation. It makes one call after the other. */
export class Operation {
  readonly #options: Operations;
  readonly #begin = performance.now();
  #failure: StoreError | undefined;
  #unsure: StoreError | undefined;
  #isLate = false;
  #abandon: ((error: StoreError) => void) | undefined;

  constructor(options: Operations) {
    this.#options = options;
  }

  /**
   * Makes attempts until one succeeds, or fails with what another try does not help against.
   *
   * @throws {StoreError} `locked` if each attempt until the deadline lost its race, or `unavailable` if the
   * database did not answer until then: a commit may have been made.
   */
  async retry<T>(attempt: () => Promise<T | typeof RETRY>): Promise<T> {
    for (let tries = 1;; tries++) {
      try {
        const result = await attempt();
        if (result !== RETRY) return result;
        this.#failure = undefined;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#failure = error;
      }
      const pause = Math.random() * Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS);
      // An attempt gets at least the last tenth of the time.
      if (this.#isLate || this.#leftMs - pause <= this.#options.timeoutMs / 10) {
        throw this.#unsure ?? this.#failure ?? this.#busy();
      }
      // What was lost to another is known by now: a first loss needs no pause.
      if (tries === 1 && this.#failure === undefined) continue;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Makes one call before the deadline. */
  call<T>(make: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isLate) throw this.#late();
      this.#abandon = reject;
      make().then(resolve, reject);
    });
  }

  get timeoutMs(): number {
    return this.#options.timeoutMs;
  }

  /** Notes that a commit may have been made: it is then not said that nothing was. */
  setUnsure(error: StoreError | undefined): void {
    this.#unsure = error;
  }

  /** Whether its deadline has passed. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Ends the call that is under way; none is made after it. */
  expire(): void {
    this.#isLate = true;
    // What failed before says nothing of this call, which may be a commit that is still made.
    this.#abandon?.(this.#unsure ?? this.#unanswered());
  }

  get #leftMs(): number {
    return this.#begin + this.#options.timeoutMs - performance.now();
  }

  #late(): StoreError {
    return this.#unsure ?? this.#failure ?? this.#unanswered();
  }

  #unanswered(): StoreError {
    const { database, timeoutMs } = this.#options;
    return new StoreError(
      "unavailable",
      `${database} did not answer within ${
        timeoutMs / 1000
      } seconds: see whether it runs and can be ` +
        "reached; a write that waited for it may still be made",
    );
  }

  #busy(): StoreError {
    const { database, timeoutMs } = this.#options;
    return new StoreError(
      "locked",
      `Others changed the same session in ${database} for ${timeoutMs / 1000} seconds: try again`,
    );
  }
}

/** Whether another try may succeed. */
export function isPassing(error: unknown): error is StoreError {
  return error instanceof StoreError && !(error instanceof RefusedError) &&
    (error.code === "locked" || error.code === "unavailable");
}

/** Whether a commit that failed so may have been made. */
export function isUnsure(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === "unavailable" &&
    !(error instanceof NothingDoneError);
}
