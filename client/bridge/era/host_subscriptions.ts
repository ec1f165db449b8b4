/**
 * Subscriptions of a modern host (`subscriptions/listen`), by the notifications of a legacy server.
 *
 * @module
 */

import { CODE, WireError } from "../../../protocol/errors.ts";
import {
  ACKNOWLEDGED,
  deliverable,
  ofSubscription,
  readFilter,
  type SubscriptionFilter,
  wantsChange,
} from "../../../protocol/subscription.ts";
import type { JSONRPCNotification, RequestId } from "../../sdk.ts";

/** The most subscriptions of one host. */
const MAX_SUBSCRIPTIONS = 100;

export interface HostSubscriptionsParts {
  readonly send: (notification: JSONRPCNotification) => void;
  /** Subscribes to a resource at the server, or ends that. */
  readonly subscribe: (uri: string, isWanted: boolean) => void;
}

export class HostSubscriptions {
  readonly #parts: HostSubscriptionsParts;
  readonly #filters = new Map<RequestId, SubscriptionFilter>();

  constructor(parts: HostSubscriptionsParts) {
    this.#parts = parts;
  }

  has(id: RequestId): boolean {
    return this.#filters.has(id);
  }

  /**
   * Begins a subscription: acknowledges what the server can tell of.
   *
   * @throws {WireError} -32602 if `params` do not say what is wanted; -32603 if there are too many.
   */
  add(id: RequestId, params: unknown, capabilities: unknown): void {
    const notifications = deliverable(readFilter(params), capabilities);
    if (this.#filters.size >= MAX_SUBSCRIPTIONS) {
      const most = `there can be ${MAX_SUBSCRIPTIONS} subscriptions at most: end another first`;
      throw new WireError(CODE.internalError, `Cannot subscribe as ${most}`);
    }
    const before = this.#uris();
    this.#filters.set(id, notifications);
    const acknowledged = {
      jsonrpc: "2.0",
      method: ACKNOWLEDGED,
      params: { notifications },
    } as const;
    this.#parts.send(ofSubscription(acknowledged, id));
    this.#change(before);
  }

  /** Ends a subscription. Whether there was one. */
  end(id: RequestId): boolean {
    const before = this.#uris();
    const isThere = this.#filters.delete(id);
    this.#change(before);
    return isThere;
  }

  /** Ends all; their ids. */
  endAll(): RequestId[] {
    const ids = [...this.#filters.keys()];
    this.#filters.clear();
    return ids;
  }

  /** Passes a notification of the server on to the subscriptions that want it. */
  pass(notification: JSONRPCNotification): void {
    for (const [id, filter] of this.#filters) {
      if (wantsChange(filter, notification)) this.#parts.send(ofSubscription(notification, id));
    }
  }

  #uris(): Set<string> {
    return new Set(this.#filters.values().flatMap((filter) => filter.resourceSubscriptions ?? []));
  }

  #change(before: ReadonlySet<string>): void {
    const now = this.#uris();
    for (const uri of now.difference(before)) this.#parts.subscribe(uri, true);
    for (const uri of before.difference(now)) this.#parts.subscribe(uri, false);
  }
}
