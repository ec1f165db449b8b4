/**
 * Combined observers: several observers as one, of which none can break what is observed or keep the
 * others from it.
 *
 * @module
 */

import { asError } from "../../../runtime/errors.ts";
import type { ObservedRequest, Observer, RequestObservation } from "./observer.ts";

/** The failure of an observer, which is told once for each. */
class ObserverError extends Error {
  override readonly name = "ObserverError";
}

// Not of a combination: each connection may have one of its own, of the same observers.
const failed = new WeakSet<Observer>();

/**
 * Combines observers into one that never throws.
 *
 * @param observers Those that are `undefined` do not count.
 * @param onerror Takes the first error of each observer; later ones are dropped.
 * @returns An observer that has the members that any of them has; `undefined` if there is none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { combineObservers, type Observer } from "@mcp-sessions/deno/server";
 *
 * const seen: string[] = [];
 * const broken: Observer = {
 *   session: () => {
 *     throw new Error("The disk is full");
 *   },
 * };
 * const counting: Observer = { session: ({ kind }) => void seen.push(kind) };
 * const observer = combineObservers([broken, counting], ({ message }) => void seen.push(message));
 *
 * const event = { owner: null, address: undefined, key: "k", id: undefined, via: "cookie" };
 * observer?.session?.({ ...event, kind: "created" });
 * observer?.session?.({ ...event, kind: "deleted" });
 * assertEquals(seen, ["An observer has failed: The disk is full", "created", "deleted"]);
 * ```
 */
export function combineObservers(
  observers: readonly (Observer | undefined)[],
  onerror: (error: Error) => void,
): Observer | undefined {
  const all = observers.filter((observer) => observer !== undefined);
  if (all.length === 0) return undefined;

  const fail = (observer: Observer, cause: unknown): undefined => {
    if (failed.has(observer)) return;
    failed.add(observer);
    onerror(new ObserverError(`An observer has failed: ${asError(cause).message}`, { cause }));
  };

  const attempt = <T>(observer: Observer, work: () => T): T | undefined => {
    try {
      const outcome = work();
      // Types let an async function be one that returns nothing: its rejection would end the process.
      if (outcome instanceof Promise) outcome.catch((cause) => fail(observer, cause));
      return outcome;
    } catch (cause) {
      return fail(observer, cause);
    }
  };

  const begin = (request: ObservedRequest): RequestObservation | undefined => {
    const begun = all.flatMap((observer) => {
      // Types let nobody return null; JavaScript does.
      const observation = attempt(observer, () => observer.request?.(request) ?? undefined);
      return observation === undefined ? [] : [{ observer, observation }];
    });
    if (begun.length === 0) return undefined;
    const runs = begun.filter(({ observation }) => observation.run !== undefined);
    return {
      ...(runs.length > 0 && {
        run: (handle) =>
          runs.reduceRight((inner, { observer, observation }) => () => {
            const handling = new Handling(inner);
            attempt(observer, () => observation.run?.(handling.run));
            handling.end();
          }, handle)(),
      }),
      end: (outcome) => {
        for (const { observer, observation } of begun) {
          attempt(observer, () => observation.end(outcome));
        }
      },
    };
  };

  const has = (member: keyof Observer) => all.some((observer) => observer[member] !== undefined);
  return {
    ...(has("request") && { request: begin }),
    ...(has("session") && {
      session: (event) => all.forEach((it) => attempt(it, () => it.session?.(event))),
    }),
    ...(has("refused") && {
      refused: (refusal) => all.forEach((it) => attempt(it, () => it.refused?.(refusal))),
    }),
  };
}

/** The handling of a request, which runs once whatever an observer does, and whose error is its own. */
class Handling {
  readonly #handle: () => void;
  #isRun = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(handle: () => void) {
    this.#handle = handle;
  }

  readonly run = (): void => {
    if (this.#isRun) return;
    this.#isRun = true;
    try {
      this.#handle();
    } catch (error) {
      this.#failure = { error };
    }
  };

  end(): void {
    this.run();
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
