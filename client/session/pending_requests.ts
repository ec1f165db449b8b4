/**
 * The caller's requests that have not been answered.
 *
 * @module
 */

import { type HeldCookie, heldCookie, META_KEY } from "../../protocol/cookie.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { CookieSlot } from "./cookie_slot.ts";
import type { JSONRPCRequest, RequestId, SendOptions } from "../sdk.ts";

/** A request of the caller's, from the moment it is given until it is answered or cancelled. */
export interface Call {
  /** As the caller gave it; never changed. */
  readonly message: JSONRPCRequest;
  /** How the caller wants it sent. */
  readonly options: SendOptions | undefined;
  /** Did the caller put a cookie there? Then what comes of it is the caller's business. */
  readonly foreign: boolean;
  /** Holds the cookie for it; `undefined` if it has nothing to do with sessions. */
  readonly slot: CookieSlot | undefined;
  /** The cookie that it carries. */
  carried: HeldCookie | undefined;
  /** The id it has on the wire, `undefined` while it waits. */
  wireId: RequestId | undefined;
  /** Has it been sent a second time? */
  repeated: boolean;
}

/** Finds a call by the caller's id, or by the id that an answer has. */
export class Calls {
  readonly #calls = new Map<RequestId, Call>();
  /** A repeated call has another id on the wire, as an id must not be used twice. */
  readonly #repeats = new Map<RequestId, Call>();

  /** Begins a call. */
  add(
    message: JSONRPCRequest,
    options: SendOptions | undefined,
    slot: CookieSlot | undefined,
  ): Call {
    const foreign = presents(message.params);
    const carried = foreign ? heldCookie(member(message.params?._meta, META_KEY)) : undefined;
    const call = { message, options, foreign, slot, carried, wireId: undefined, repeated: false };
    this.#calls.set(message.id, call);
    return call;
  }

  /** Is it still waiting for an answer? */
  has(call: Call): boolean {
    return this.#calls.get(call.message.id) === call;
  }

  /** The call to which the caller gave this id. */
  get(id: RequestId): Call | undefined {
    return this.#calls.get(id);
  }

  /** The call that was sent with this id. */
  onWire(id: RequestId): Call | undefined {
    const call = this.#repeats.get(id) ?? this.#calls.get(id);
    return call?.wireId === id ? call : undefined;
  }

  /** The slots of all calls' cookies. */
  slots(): Set<CookieSlot> {
    const slots = this.#calls.values().map(({ slot }) => slot);
    return new Set(slots.filter((slot) => slot !== undefined));
  }

  /** Lets it be found by `id` too, with which it is sent once more. */
  repeat(call: Call, id: string): string {
    call.repeated = true;
    this.#repeats.set(id, call);
    return id;
  }

  /** Ends a call, and frees what was kept for it. */
  delete(call: Call): void {
    if (this.has(call)) this.#calls.delete(call.message.id);
    if (call.wireId !== undefined) this.#repeats.delete(call.wireId);
  }

  /** Ends all calls. */
  clear(): void {
    this.#calls.clear();
    this.#repeats.clear();
  }
}

/** Do these params have a cookie, or a `null` in its place, which says "none" on purpose? */
export function presents(params: unknown): boolean {
  const meta = member(params, "_meta");
  return isObject(meta) && Object.hasOwn(meta, META_KEY);
}
