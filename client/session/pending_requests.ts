/**
 * The pending requests of the caller: those without an answer.
 *
 * @module
 */

import { type HeldCookie, heldCookie, META_KEY } from "../../protocol/cookie.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import type { JSONRPCRequest, RequestId, TransportSendOptions } from "../sdk.ts";

/** A request of the caller, until it is answered or cancelled. */
export interface PendingRequest {
  /** The message as the caller gave it; never changed. */
  readonly message: JSONRPCRequest;
  readonly options: TransportSendOptions | undefined;
  /** Whether the caller has put a cookie or `null` into it, and handles the answer's cookie itself. */
  readonly hasCallerCookie: boolean;
  /** The slot that holds its cookie; `undefined` if it uses no session of this layer. */
  readonly slot: CookieSlot | undefined;
  carried: HeldCookie | undefined;
  /** The id that it was sent with; `undefined` while it waits. */
  wireId: RequestId | undefined;
  isRetried: boolean;
}

/** Finds a pending request by the caller's id or by the id on the wire. */
export class PendingRequests {
  readonly #requests = new Map<RequestId, PendingRequest>();
  /** The retried requests by their second id on the wire, as an id must not be used twice. */
  readonly #retries = new Map<RequestId, PendingRequest>();

  add(
    message: JSONRPCRequest,
    options: TransportSendOptions | undefined,
    slot: CookieSlot | undefined,
  ): PendingRequest {
    const hasCallerCookie = presentsCookie(message.params);
    const carried = heldCookie(member(message.params?._meta, META_KEY));
    const sent = { carried, wireId: undefined, isRetried: false };
    const request = { message, options, slot, hasCallerCookie, ...sent };
    this.#requests.set(message.id, request);
    return request;
  }

  has(request: PendingRequest): boolean {
    return this.#requests.get(request.message.id) === request;
  }

  get(id: RequestId): PendingRequest | undefined {
    return this.#requests.get(id);
  }

  /** The request that was sent with this id. */
  byWireId(id: RequestId): PendingRequest | undefined {
    const request = this.#retries.get(id) ?? this.#requests.get(id);
    return request?.wireId === id ? request : undefined;
  }

  slots(): Set<CookieSlot> {
    const slots = this.#requests.values().map(({ slot }) => slot);
    return new Set(slots.filter((slot) => slot !== undefined));
  }

  retry(request: PendingRequest, id: string): void {
    request.isRetried = true;
    this.#retries.set(id, request);
  }

  delete(request: PendingRequest): void {
    if (this.has(request)) this.#requests.delete(request.message.id);
    if (request.wireId !== undefined) this.#retries.delete(request.wireId);
  }

  clear(): void {
    this.#requests.clear();
    this.#retries.clear();
  }
}

/** Whether these params have a cookie, or the `null` that says "none" on purpose. */
export function presentsCookie(params: unknown): boolean {
  const meta = member(params, "_meta");
  return isObject(meta) && Object.hasOwn(meta, META_KEY);
}
