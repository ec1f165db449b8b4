/**
 * Resource subscriptions: the resources that the server behind has been asked to watch, on behalf of
 * whom, and who may be told of their updates.
 *
 * @module
 */

import type { JSONRPCRequest, JSONRPCResponse, MessageExtraInfo, RequestId } from "../sdk.ts";
import { ownerOf } from "../session/session_owner.ts";

type Deliver = (request: JSONRPCRequest, caller: MessageExtraInfo) => void;

/** One principal's subscription of a resource, for all of the principal's clients. */
export interface ResourceSubscription {
  readonly uri: string;
  /** The principal, for requests to the server behind. */
  readonly caller: MessageExtraInfo;
  /** The number of its holders. */
  count: number;
  /** What the server behind has said; only who may subscribe is told of updates. */
  answer: "pending" | "granted" | "refused";
}

export class ResourceSubscriptions {
  readonly #deliver: Deliver;
  /** Those that are not refused, by URI and principal: one may not see what another may. */
  readonly #held = new Map<string, Map<string | null, ResourceSubscription>>();
  readonly #prefix = `subscriptions:${crypto.randomUUID()}:`;
  /** Called with the answers to pending requests of its own. */
  readonly #pending = new Map<RequestId, (response: JSONRPCResponse) => void>();
  #lastId = 0;

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  /** Whether anybody has subscribed a resource. */
  holds(uri: unknown): boolean {
    return typeof uri === "string" && this.#held.has(uri);
  }

  /** Subscribes a resource, unless its principal has done so. */
  hold(uri: string, caller: MessageExtraInfo): ResourceSubscription {
    const owner = ownerOf(caller.authInfo);
    const ofUri = this.#held.get(uri) ?? new Map<string | null, ResourceSubscription>();
    const held = ofUri.get(owner);
    if (held !== undefined) {
      held.count++;
      return held;
    }
    const made: ResourceSubscription = { uri, caller, count: 1, answer: "pending" };
    this.#held.set(uri, ofUri.set(owner, made));
    this.#request("resources/subscribe", made, (response) => {
      made.answer = "result" in response ? "granted" : "refused";
      if (made.answer === "refused") this.#remove(made);
    });
    return made;
  }

  /** Unsubscribes a resource if this was its last holder of all. */
  release(subscription: ResourceSubscription): void {
    if (--subscription.count > 0 || !this.#remove(subscription)) return;
    // The server behind knows one client: another principal's would end too.
    if (this.#held.has(subscription.uri)) return;
    this.#request("resources/unsubscribe", subscription, () => {});
  }

  /** Takes the response to a request of its own; `false` for any other. */
  takeResponse(response: JSONRPCResponse): boolean {
    const { id } = response;
    const onanswer = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || onanswer === undefined) return false;
    this.#pending.delete(id);
    onanswer(response);
    return true;
  }

  clear(): void {
    this.#held.clear();
    this.#pending.clear();
  }

  #remove(subscription: ResourceSubscription): boolean {
    const { uri, caller } = subscription;
    const owner = ownerOf(caller.authInfo);
    const ofUri = this.#held.get(uri);
    // In the place of one that was refused there may be another.
    if (ofUri?.get(owner) !== subscription) return false;
    ofUri.delete(owner);
    if (ofUri.size === 0) this.#held.delete(uri);
    return true;
  }

  #request(
    method: string,
    { uri, caller }: ResourceSubscription,
    onanswer: (response: JSONRPCResponse) => void,
  ): void {
    const id = `${this.#prefix}${++this.#lastId}`;
    this.#pending.set(id, onanswer);
    this.#deliver({ jsonrpc: "2.0", id, method, params: { uri } }, caller);
  }
}
