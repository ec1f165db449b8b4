/**
 * Round trips: the requests whose handlers ask the client for input in the modern era, by a result that
 * says what is required. What a later round needs travels in `requestState`, so it goes on at any
 * process on the same store, and the store holds that each is used once.
 *
 * @module
 */

import { presentedCookie, resultCookie, withCookie } from "../../../protocol/cookie.ts";
import { ASKING_METHODS } from "../../../protocol/era.ts";
import { CODE, invalid, WireError } from "../../../protocol/errors.ts";
import { isObject } from "../../../runtime/json.ts";
import { INTERNAL_OWNER, type SessionStore } from "../../../store/session_store.ts";
import { withHandle } from "../handles/handle_call.ts";
import type { MessageExtraInfo } from "../sdk.ts";
import { ownerOf } from "../session/session_owner.ts";
import { newRecord } from "../session/session_record.ts";
import {
  type BoundRequest,
  newNonce,
  openState,
  type RequestState,
  sealState,
  StateError,
} from "./request_state.ts";
import { RequestStateKeys } from "./request_state_keys.ts";
import { REQUEST_STATE_MS } from "./request_state_limits.ts";
import { type Answers, RoundTrip } from "./round_trip.ts";

/** The time for which a used state is remembered after it has expired. */
const MARGIN_MS = 60 * 1000;
/** The time for which the store keeps that still, for processes whose clocks are behind. */
const RETENTION_MS = 60 * 60 * 1000;

export interface RoundTripOptions {
  readonly store: SessionStore;
  /** Keys of the right length, which nobody changes. */
  readonly keys: readonly Uint8Array[];
  readonly now: () => number;
}

/** A modern request, with its params in legacy terms. */
interface ModernRequest {
  /** The name of the server that it goes to. */
  readonly server: string;
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly extra: MessageExtraInfo | undefined;
}

export interface IncomingRequest extends ModernRequest {
  /** The capabilities that its client has declared. */
  readonly capabilities: Record<string, unknown>;
}

/** A request on its way to the server behind. */
export interface BegunRequest extends ModernRequest {
  /** `undefined` if its handler cannot ask. */
  readonly roundTrip: RoundTrip | undefined;
}

export class RoundTrips {
  readonly #store: SessionStore;
  readonly #keys: RequestStateKeys;
  readonly #now: () => number;

  constructor({ store, keys, now }: RoundTripOptions) {
    this.#store = store;
    this.#keys = new RequestStateKeys(store, keys);
    this.#now = now;
  }

  /**
   * Begins a round of a request, with the answers that it brings, in the session of the earlier rounds. A
   * state that it brings is used by that.
   *
   * @throws {WireError} -32602 if it brings what is none.
   * @throws {StateError} if its state is refused.
   * @throws {StoreError} if the store fails.
   */
  begin(incoming: IncomingRequest): BegunRequest | Promise<BegunRequest> {
    const { server, method, params, extra, capabilities } = incoming;
    const canAsk = ASKING_METHODS.has(method);
    // Most requests bring nothing: they are not copied.
    if (!canAsk || params.inputResponses === undefined && params.requestState === undefined) {
      const roundTrip = canAsk ? new RoundTrip(capabilities, []) : undefined;
      return { server, method, params, extra, roundTrip };
    }
    return this.#continue(incoming);
  }

  /**
   * The result by which the client is asked, in the place of a result that the layers inside have passed.
   *
   * @throws {WireError} -32021 if the client has not declared what is needed.
   * @throws {StoreError} if the store fails, which may have the key.
   */
  async result(
    { roundTrip, ...request }: BegunRequest & { readonly roundTrip: RoundTrip },
    passed: Record<string, unknown>,
  ): Promise<Record<string, unknown>> {
    const { inputRequests, answers } = roundTrip;
    const [key] = await this.#keys.get();
    const state: RequestState = {
      nonce: newNonce(),
      expiresAt: this.#now() + REQUEST_STATE_MS,
      session: sessionAfter(request.params, passed),
      asked: Object.keys(inputRequests),
      answers,
    };
    const requestState = await sealState(key, state, boundRequest(request));
    return { resultType: "input_required", inputRequests, requestState };
  }

  /** Begins a round of a request that brings answers, or a state. */
  #continue({ capabilities, ...request }: IncomingRequest): BegunRequest | Promise<BegunRequest> {
    const { inputResponses, requestState, ...params } = request.params;
    const responses = checkResponses(inputResponses);
    if (requestState === undefined) {
      // No state is claimed: they are the answers to what the handler asks first.
      const answers = Object.entries(responses).map(([key, it]) => [key, [it]] as const);
      return { ...request, params, roundTrip: new RoundTrip(capabilities, answers) };
    }
    if (typeof requestState !== "string") {
      throw invalid("params.requestState", "a string", requestState);
    }
    return this.#resume({ ...request, params, capabilities }, requestState, responses);
  }

  async #resume(
    { capabilities, ...request }: IncomingRequest,
    requestState: string,
    responses: Readonly<Record<string, unknown>>,
  ): Promise<BegunRequest> {
    const keys = await this.#keys.get();
    const { method, params, extra } = request;
    const state = await openState(keys, requestState, boundRequest(request), this.#now());
    const presented = presentedCookie(params);
    const isOther = presented.kind === "malformed" ||
      presented.kind === "id" && presented.id !== state.session;
    if (state.session !== null && isOther) {
      throw new StateError("it goes on in another session than the request names");
    }
    // Last, so that nobody can use up a state by a wrong request.
    await this.#redeem(state);
    const roundTrip = new RoundTrip(capabilities, answersWith(state, responses));
    if (state.session === null || presented.kind === "id") {
      return { ...request, roundTrip };
    }
    const { session: id } = state;
    // As a handle, it does not make a client that knows no sessions one that does.
    return method === "tools/call"
      ? { ...request, extra: withHandle(extra, id), roundTrip }
      : { ...request, params: withCookie(params, { id }), roundTrip };
  }

  /** Notes in the store that a state is used: of several that try, one succeeds. */
  async #redeem({ nonce, expiresAt }: RequestState): Promise<void> {
    const record = newRecord({
      owner: INTERNAL_OWNER,
      alias: `request-state:${nonce}`,
      title: "",
      reason: "",
      lifetime: { ttlMs: RETENTION_MS, maxAgeMs: Infinity },
      now: this.#now(),
    });
    const created = await this.#store.create({
      ...record,
      expiresAt: expiresAt + MARGIN_MS,
      data: {},
    });
    if (created.id !== record.id) throw new StateError("it has been used");
  }
}

/** The error for every state that is refused: what is wrong with it is for the log. */
export function stateRefusal(): WireError {
  return new WireError(
    CODE.invalidParams,
    "params.requestState does not continue this request: it is unknown, used, too old, or of another " +
      "request. Send the request again without requestState and inputResponses",
  );
}

/** @throws {WireError} -32602 if they are no object of objects. */
function checkResponses(responses: unknown): Record<string, unknown> {
  if (responses === undefined) return {};
  if (!isObject(responses)) throw invalid("params.inputResponses", "an object", responses);
  for (const response of Object.values(responses)) {
    if (!isObject(response)) throw invalid("Each of params.inputResponses", "an object", response);
  }
  return responses;
}

/** The answers of earlier rounds, and those of the keys that were asked in the last one. */
function answersWith(
  { asked, answers }: RequestState,
  responses: Readonly<Record<string, unknown>>,
): Answers {
  const all = new Map(answers);
  for (const key of asked) {
    if (Object.hasOwn(responses, key)) all.set(key, [...all.get(key) ?? [], responses[key]]);
  }
  return [...all];
}

/** The session that the next round goes on in. */
function sessionAfter(
  params: Record<string, unknown>,
  passed: Record<string, unknown>,
): string | null {
  const cookie = resultCookie(passed);
  if (cookie !== undefined) return cookie?.id ?? null;
  const presented = presentedCookie(params);
  return presented.kind === "id" ? presented.id : null;
}

/** The request in all its rounds: what a state is bound to. */
function boundRequest({ server, method, params: all, extra }: ModernRequest): BoundRequest {
  const { _meta, inputResponses: _, requestState: __, ...params } = all;
  return { server, owner: ownerOf(extra?.authInfo), method, params };
}
