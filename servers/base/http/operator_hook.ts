/**
 * Calling a hook of the operator's about a request, which may hang for as long as it likes.
 *
 * @module
 */

import { isObject } from "../../../runtime/json.ts";

/** How long a hook may take. */
export const HOOK_MS = 10_000;
/** How soon to look whether the client is still there, which costs more than most hooks. */
const PATIENCE_MS = 1000;

/** What has come of calling a hook. */
export type HookOutcome =
  | { readonly kind: "given"; readonly value: unknown }
  /** The client has gone: what the hook gives later is ignored. */
  | { readonly kind: "gone" }
  /** The time is over: likewise. */
  | { readonly kind: "late" };

/**
 * Calls a hook with a request whose `signal` ends when the client has gone, or after
 * {@linkcode HOOK_MS}. Deno tells of a client that goes before its body was read only if the body came
 * with the head, so the time limit is for the others too.
 *
 * @throws {unknown} whatever the hook throws.
 */
export async function callHook(
  hook: (request: Request) => unknown,
  request: Request,
): Promise<HookOutcome> {
  const limit = new AbortController();
  const sharedSignal = shareSignal(request, limit.signal);
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<HookOutcome>();
  let look: ReturnType<typeof setTimeout> | undefined;
  let end: ReturnType<typeof setTimeout> | undefined;
  try {
    const value = hook(request);
    if (!isObject(value) || typeof value.then !== "function") return { kind: "given", value };
    look = setTimeout(() => {
      const { signal } = request;
      if (signal.aborted) giveUp({ kind: "gone" });
      signal.addEventListener("abort", () => giveUp({ kind: "gone" }));
    }, PATIENCE_MS);
    end = setTimeout(() => {
      giveUp({ kind: "late" });
      limit.abort(new DOMException("The time limit is over", "TimeoutError"));
    }, HOOK_MS);
    const given = Promise.resolve(value).then((value) => ({ kind: "given", value } as const));
    return await Promise.race([given, givenUp]);
  } catch (error) {
    if (sharedSignal()?.aborted) return { kind: "gone" };
    throw error;
  } finally {
    clearTimeout(look);
    clearTimeout(end);
  }
}

/**
 * Lets a request's signal end with `limit` too, and gives the signal if anybody has asked for it. A
 * request made anew would have a body that is a stream of another kind.
 */
function shareSignal(request: Request, limit: AbortSignal): () => AbortSignal | undefined {
  let signal: AbortSignal | undefined;
  const get = () => {
    // Reading Deno's own costs a third of a quick request, and makes Deno print a warning once.
    const own: AbortSignal = Reflect.get(Request.prototype, "signal", request);
    return signal ??= AbortSignal.any([own, limit]);
  };
  Object.defineProperty(request, "signal", { configurable: true, get });
  return () => signal;
}
