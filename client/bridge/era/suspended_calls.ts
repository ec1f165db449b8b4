/**
 * Requests of a modern host that wait for its answers: the server behind has asked, and the host sends
 * the request again with what it has answered (`requestState`, `inputResponses`).
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { randomHex } from "../../../runtime/random_hex.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { isObject } from "../../../runtime/json.ts";
import type { JSONRPCRequest, RequestId } from "../../sdk.ts";

/** The most requests that wait for answers of the host; the oldest is cancelled. */
const MAX_SUSPENDED = 100;

/** The questions of the server in one request of the host. */
export class Questions {
  readonly #open = new Map<string, JSONRPCRequest>();
  #count = 0;

  get size(): number {
    return this.#open.size;
  }

  add(question: JSONRPCRequest): void {
    this.#open.set(`question-${++this.#count}`, question);
  }

  /** Removes a question that the server takes back. */
  remove(id: RequestId): void {
    for (const [key, question] of this.#open) if (question.id === id) this.#open.delete(key);
  }

  /** The `inputRequests` of the host's result. */
  requests(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.#open].map(([key, { method, params }]) => [key, asInput(method, params)]),
    );
  }

  /** Takes the host's `inputResponses`: the answers to the server. What has none is asked again. */
  take(responses: unknown): { id: RequestId; result: Record<string, unknown> }[] {
    const taken = [];
    for (const [key, response] of Object.entries(isObject(responses) ? responses : {})) {
      const question = this.#open.get(key);
      if (question === undefined || !isObject(response)) continue;
      this.#open.delete(key);
      taken.push({ id: question.id, result: response });
    }
    return taken;
  }
}

export interface SuspendedCall {
  readonly method: string;
  /** The params that the host has sent first. */
  readonly params: Record<string, unknown>;
}

/** Suspended calls by their `requestState`, each of which counts once. */
export class SuspendedCalls<T extends SuspendedCall> {
  readonly #calls = new Map<string, T>();
  readonly #cancel: (call: T) => void;

  /** @param cancel Told of a call that is given up, for newer ones. */
  constructor(cancel: (call: T) => void) {
    this.#cancel = cancel;
  }

  /** The `requestState` by which the host goes on with a call. */
  add(call: T): string {
    const state = randomHex(16);
    this.#calls.set(state, call);
    const [oldest] = this.#calls;
    if (oldest !== undefined && this.#calls.size > MAX_SUSPENDED) {
      this.#calls.delete(oldest[0]);
      this.#cancel(oldest[1]);
    }
    return state;
  }

  /**
   * The call that a request goes on with.
   *
   * @throws {WireError} -32602 if there is none, or it is another request's.
   */
  take(state: unknown, { method, params }: JSONRPCRequest): T {
    const call = typeof state === "string" ? this.#calls.get(state) : undefined;
    if (typeof state !== "string" || call === undefined) {
      throw new WireError(
        CODE.invalidParams,
        "params.requestState is of no request that waits for input: it counts once, and only for " +
          "the process that gave it. Send the request without it",
      );
    }
    if (call.method !== method || !isDeepStrictEqual(bare(call.params), bare(params ?? {}))) {
      throw new WireError(
        CODE.invalidParams,
        "params.requestState is of another request: send it with the same method and params",
      );
    }
    this.#calls.delete(state);
    return call;
  }

  /** Gives all calls up: the host can answer no more. */
  cancelAll(): void {
    for (const call of this.#calls.values()) this.#cancel(call);
    this.#calls.clear();
  }
}

/** Params that stay the same in every round of a request. */
function bare(params: Record<string, unknown>): Record<string, unknown> {
  const { _meta: _, requestState: __, inputResponses: ___, ...rest } = params;
  return rest;
}

function asInput(method: string, params: JSONRPCRequest["params"]): Record<string, unknown> {
  if (params === undefined) return { method };
  // Progress and tasks are of requests, which these are no more.
  const { _meta: _, task: __, ...rest } = params;
  return { method, params: rest };
}
