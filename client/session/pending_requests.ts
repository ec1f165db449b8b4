/**
 * The pending requests of the caller: those without an answer.
 *
 * @module
 */

import { EXTENSION } from "../../protocol/capability.ts";
import { type CookieKey, type HeldCookie, heldCookie, META_KEY } from "../../protocol/cookie.ts";
import { LISTEN } from "../../protocol/era.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import { cancelledId } from "../../jsonrpc/message.ts";
import type { JSONRPCMessage, JSONRPCRequest, RequestId, TransportSendOptions } from "../sdk.ts";

/** A request of the caller, until it is answered or cancelled. */
export interface PendingRequest {
  /** The message as the caller gave it; never changed. */
  readonly message: JSONRPCRequest;
  readonly options: TransportSendOptions | undefined;
  /** Whether the caller has put a cookie or `null` into it, and handles the answer's cookie itself. */
  readonly hasCallerCookie: boolean;
  /** The slot that holds its cookie; `undefined` if it uses no session of this layer. */
  readonly slot: CookieSlot | undefined;
  /** The key of its cookie and of that in its answer. */
  readonly key: CookieKey;
  carried: HeldCookie | undefined;
  /** The id that it was sent with; `undefined` while it waits. */
  wireId: RequestId | undefined;
  isRetried: boolean;
  /** Whether it has its answer, which may wait to be delivered. */
  isAnswered: boolean;
}

/** Finds a pending request by the caller's id or by the id on the wire. */
export class PendingRequests {
  readonly #requests = new Map<RequestId, PendingRequest>();
  /** The retried requests by their second id on the wire, as an id must not be used twice. */
  readonly #retries = new Map<RequestId, PendingRequest>();
  /** Resolved by the next one that is answered, or forgotten. */
  #ended = Promise.withResolvers<void>();

  add(
    message: JSONRPCRequest,
    options: TransportSendOptions | undefined,
    slot: CookieSlot | undefined,
    key: CookieKey = META_KEY,
  ): PendingRequest {
    const hasCallerCookie = presentsCookie(message.params);
    const meta = message.params?._meta;
    const carried = heldCookie(member(meta, EXTENSION)) ?? heldCookie(member(meta, META_KEY));
    const sent = { carried, wireId: undefined, isRetried: false, isAnswered: false };
    const request = { message, options, slot, key, hasCallerCookie, ...sent };
    const { onRequestStreamEnd } = options ?? {};
    if (onRequestStreamEnd !== undefined) {
      // The end of its stream is all the answer that this request has.
      request.options = {
        ...options,
        onRequestStreamEnd: () => {
          if (!request.isAnswered) this.delete(request);
          onRequestStreamEnd();
        },
      };
    }
    this.#requests.set(message.id, request);
    return request;
  }

  has(request: PendingRequest): boolean {
    return this.#requests.get(request.message.id) === request;
  }

  get(id: RequestId): PendingRequest | undefined {
    return this.#requests.get(id);
  }

  /** The request that was sent with this id and has no answer yet. */
  byWireId(id: RequestId): PendingRequest | undefined {
    const request = this.#retries.get(id) ?? this.#requests.get(id);
    return request?.wireId === id && !request.isAnswered ? request : undefined;
  }

  /** Forgets the subscription that the server ends by this message, if it does. */
  endSubscription(message: JSONRPCMessage): void {
    const id = cancelledId(message);
    const request = id === undefined ? undefined : this.#requests.get(id);
    if (request?.message.method === LISTEN) this.delete(request);
  }

  answer(request: PendingRequest): void {
    request.isAnswered = true;
    this.#tellEnd();
  }

  /**
   * Waits for the answers to the calls that are under way in a session, as long as `slot` holds it: one of
   * them may have given it another id.
   */
  async answers(slot: CookieSlot, sessionId: string): Promise<void> {
    const isUnderWay = ({ message, carried, isAnswered, wireId }: PendingRequest) =>
      message.method === "tools/call" && carried?.id === sessionId && !isAnswered &&
      wireId !== undefined;
    const calls = this.#requests.values()
      .filter((request) => request.slot === slot && isUnderWay(request)).toArray();
    while (
      slot.cookie?.id === sessionId && calls.some((call) => this.has(call) && isUnderWay(call))
    ) {
      await this.#ended.promise;
    }
  }

  slots(): Set<CookieSlot> {
    const slots = this.#requests.values().map(({ slot }) => slot);
    return new Set(slots.filter((slot) => slot !== undefined));
  }

  retry(request: PendingRequest, id: string): void {
    request.isRetried = true;
    request.isAnswered = false;
    this.#retries.set(id, request);
  }

  delete(request: PendingRequest): void {
    if (this.has(request)) this.#requests.delete(request.message.id);
    if (request.wireId !== undefined) this.#retries.delete(request.wireId);
    this.#tellEnd();
  }

  clear(): void {
    this.#requests.clear();
    this.#retries.clear();
    this.#tellEnd();
  }

  #tellEnd(): void {
    this.#ended.resolve();
    this.#ended = Promise.withResolvers();
  }
}

/** Whether these params have a cookie under either key, or the `null` that says "none" on purpose. */
export function presentsCookie(params: unknown): boolean {
  const meta = member(params, "_meta");
  return isObject(meta) && (Object.hasOwn(meta, META_KEY) || Object.hasOwn(meta, EXTENSION));
}
