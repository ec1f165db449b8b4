/**
 * Calls of an operator's hook, such as `authenticate`, with a time limit.
 *
 * @module
 */

import { isObject } from "../../../../runtime/json.ts";

export const HOOK_TIMEOUT_MS = 10_000;
/** The delay before the client's connection is watched, which costs more than most hooks. */
const WATCH_AFTER_MS = 1000;

/** The outcome of a hook. A value that comes after a disconnect or the time limit is ignored. */
export type HookOutcome =
  | { readonly kind: "returned"; readonly value: unknown }
  | { readonly kind: "disconnected" }
  | { readonly kind: "timeout" };

/**
 * Calls a hook with a request whose `signal` is aborted when the client disconnects, and after
 * {@linkcode HOOK_TIMEOUT_MS}. Deno reports a disconnect before the body is read only if the body came
 * with the head; the time limit covers the others.
 *
 * @throws {unknown} the hook's own error.
 */
export async function callHook(
  hook: (request: Request) => unknown,
  request: Request,
): Promise<HookOutcome> {
  const limit = new AbortController();
  const sharedSignal = shareSignal(request, limit.signal);
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<HookOutcome>();
  let watch: ReturnType<typeof setTimeout> | undefined;
  let timeout: ReturnType<typeof setTimeout> | undefined;
  try {
    const value = hook(request);
    if (!isObject(value) || typeof value.then !== "function") return { kind: "returned", value };
    watch = setTimeout(() => {
      const { signal } = request;
      if (signal.aborted) giveUp({ kind: "disconnected" });
      signal.addEventListener("abort", () => giveUp({ kind: "disconnected" }));
    }, WATCH_AFTER_MS);
    timeout = setTimeout(() => {
      giveUp({ kind: "timeout" });
      limit.abort(new DOMException("The time limit is over", "TimeoutError"));
    }, HOOK_TIMEOUT_MS);
    const returned = Promise.resolve(value).then((value) => ({ kind: "returned", value } as const));
    return await Promise.race([returned, givenUp]);
  } catch (error) {
    if (sharedSignal()?.aborted) return { kind: "disconnected" };
    throw error;
  } finally {
    clearTimeout(watch);
    clearTimeout(timeout);
  }
}

/**
 * Joins `limit` to a request's signal, and returns a getter of the joined signal: `undefined` until the
 * hook has read it. The request stays the same object, as a copy's body would be another kind of stream.
 */
function shareSignal(request: Request, limit: AbortSignal): () => AbortSignal | undefined {
  let signal: AbortSignal | undefined;
  const get = () => {
    // Reading Deno's own signal costs a third of a quick request, and prints a warning once.
    const own: AbortSignal = Reflect.get(Request.prototype, "signal", request);
    return signal ??= AbortSignal.any([own, limit]);
  };
  Object.defineProperty(request, "signal", { configurable: true, get });
  return () => signal;
}
