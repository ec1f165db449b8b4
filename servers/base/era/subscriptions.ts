/**
 * Subscriptions: open `subscriptions/listen` requests of modern clients, and the notifications of the
 * server behind that they get.
 *
 * @module
 */

import { META } from "../../../protocol/era.ts";
import {
  ACKNOWLEDGED,
  deliverable,
  type Notification,
  ofSubscription,
  readFilter,
  type SubscriptionFilter,
  wantsChange,
} from "../../../protocol/subscription.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { member } from "../../../runtime/json.ts";
import type {
  JSONRPCMessage,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
} from "../sdk.ts";
import { ownerOf } from "../session/session_owner.ts";
import { wireIdOf } from "./caller.ts";
import { type ResourceSubscription, ResourceSubscriptions } from "./resource_subscriptions.ts";

const MAX_SUBSCRIPTIONS = 1000;
const MAX_SUBSCRIPTIONS_PER_OWNER = 250;
/** Leaves room for the subscriptions of principals. */
const MAX_ANONYMOUS_SUBSCRIPTIONS = 750;
/** Subscriptions of the one client of a connection. */
const MAX_SUBSCRIPTIONS_PER_CONNECTION = 64;

type ServerNotification = Extract<JSONRPCMessage, { method: string }> & Notification;

/** The two ends between which subscriptions are. */
export interface SubscriptionPeers {
  /** Sends a notification to the client of a request. */
  readonly notify: (notification: ServerNotification, relatedRequestId: RequestId) => void;
  /** Sends the result of a request. */
  readonly complete: (id: RequestId, result: Record<string, unknown>) => void;
  /** Delivers a request to the server behind. */
  readonly deliver: (request: JSONRPCRequest, caller: MessageExtraInfo) => void;
}

interface Subscription {
  /** The id by which its client knows it. */
  readonly wireId: RequestId;
  readonly filter: SubscriptionFilter;
  /** The principal, `null` for an anonymous caller. */
  readonly owner: string | null;
  readonly resources: ReadonlyMap<string, ResourceSubscription>;
}

/** The error for a subscription of which there may be no more. */
export class TooManySubscriptions extends WireError {
  constructor() {
    super(
      CODE.internalError,
      "Too many subscriptions are open: end one of yours, or try again later",
    );
  }
}

export class Subscriptions {
  readonly #peers: SubscriptionPeers;
  readonly #open = new Map<RequestId, Subscription>();
  readonly #resources: ResourceSubscriptions;
  #isStopped = false;

  constructor(peers: SubscriptionPeers) {
    this.#peers = peers;
    this.#resources = new ResourceSubscriptions(peers.deliver);
  }

  /**
   * Acknowledges a request, and opens its subscription. One of which the server behind can deliver
   * nothing ends at once.
   *
   * @throws {WireError} if its params are invalid, or there may be no more subscriptions.
   */
  open(
    { id, params }: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    capabilities: unknown,
  ): void {
    const filter = deliverable(readFilter(params), capabilities);
    if (!this.#hasRoom(extra)) throw new TooManySubscriptions();
    if (this.#isStopped) throw new WireError(CODE.internalError, "This server is stopping");
    const authInfo = extra?.authInfo;
    const caller = authInfo === undefined ? {} : { authInfo };
    const resources = new Map<string, ResourceSubscription>();
    const subscription = {
      wireId: wireIdOf(extra) ?? id,
      filter,
      owner: ownerOf(authInfo),
      resources,
    };
    this.#open.set(id, subscription);
    this.#notify(id, subscription, {
      jsonrpc: "2.0",
      method: ACKNOWLEDGED,
      params: { notifications: filter },
    });
    for (const uri of filter.resourceSubscriptions ?? []) {
      resources.set(uri, this.#resources.hold(uri, caller));
    }
    if (Object.keys(filter).length === 0) this.#complete(id, subscription);
  }

  /** Ends a subscription without a response; whether there was one. */
  cancel(id: RequestId): boolean {
    const subscription = this.#open.get(id);
    if (subscription === undefined) return false;
    this.#open.delete(id);
    for (const resource of subscription.resources.values()) this.#resources.release(resource);
    return true;
  }

  /** Sends a notification to every subscription that wants it. */
  publish(notification: ServerNotification): void {
    for (const [id, subscription] of this.#open) {
      if (isFor(subscription, notification)) {
        this.#notify(id, subscription, notification);
      }
    }
  }

  /** Ends all subscriptions with their result, and opens none any more. */
  stop(): void {
    this.#isStopped = true;
    for (const [id, subscription] of this.#open) this.#complete(id, subscription);
  }

  /** Forgets all subscriptions, whose clients are gone. */
  clear(): void {
    this.#open.clear();
    this.#resources.clear();
  }

  /** Whether a subscription wants the updates of a resource. */
  holds(uri: unknown): boolean {
    return this.#resources.holds(uri);
  }

  /** Takes the response to a request of its own; `false` for any other. */
  takeResponse(response: JSONRPCResponse): boolean {
    return this.#resources.takeResponse(response);
  }

  /** Whether one more subscription of this caller fits. */
  #hasRoom(extra: MessageExtraInfo | undefined): boolean {
    if (extra?.requestInfo === undefined) return this.#open.size < MAX_SUBSCRIPTIONS_PER_CONNECTION;
    const owner = ownerOf(extra.authInfo);
    const own = [...this.#open.values()].filter((subscription) => subscription.owner === owner);
    const limit = owner === null ? MAX_ANONYMOUS_SUBSCRIPTIONS : MAX_SUBSCRIPTIONS_PER_OWNER;
    return own.length < limit && this.#open.size < MAX_SUBSCRIPTIONS;
  }

  #complete(id: RequestId, { wireId }: Subscription): void {
    this.cancel(id);
    this.#peers.complete(id, { _meta: { [META.subscriptionId]: wireId } });
  }

  #notify(id: RequestId, { wireId }: Subscription, notification: ServerNotification): void {
    this.#peers.notify(ofSubscription(notification, wireId), id);
  }
}

function isFor({ filter, resources }: Subscription, notification: ServerNotification): boolean {
  if (!wantsChange(filter, notification)) return false;
  const uri = member(notification.params, "uri");
  const resource = typeof uri === "string" ? resources.get(uri) : undefined;
  return resource === undefined || resource.answer === "granted";
}
