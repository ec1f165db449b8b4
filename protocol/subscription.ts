/**
 * Subscriptions of the modern era (section 10 of the contract): what a client asks for by
 * `subscriptions/listen`, and the notifications that it gets.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";
import { META } from "./era.ts";
import { CODE, invalid, WireError } from "./errors.ts";

/** The first notification of a subscription, with the part of its filter that the server can deliver. */
export const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";

/** The notifications that a client wants. Each kind is absent unless it wants it. */
export interface SubscriptionFilter {
  readonly toolsListChanged?: true;
  readonly promptsListChanged?: true;
  readonly resourcesListChanged?: true;
  /** The URIs of resources whose updates it wants, each once. */
  readonly resourceSubscriptions?: readonly string[];
}

/** A notification of a change, in either era's terms. */
export interface Notification {
  readonly method: string;
  readonly params?: Record<string, unknown> | undefined;
}

type ListKind = "tools" | "prompts" | "resources";

const LIST_CHANGED = {
  "notifications/tools/list_changed": "toolsListChanged",
  "notifications/prompts/list_changed": "promptsListChanged",
  "notifications/resources/list_changed": "resourcesListChanged",
} as const;

const RESOURCE_UPDATED = "notifications/resources/updated";

/** A server holds the URIs of a subscription for as long as it is open. */
const MAX_URIS = 256;
const MAX_URIS_LENGTH = 32 * 1024;

/**
 * The filter that the params of a `subscriptions/listen` name.
 *
 * @throws {WireError} -32602 if one is of a wrong type, or its URIs are too many or too long.
 */
export function readFilter(params: unknown): SubscriptionFilter {
  const filter = member(params, "notifications");
  if (!isObject(filter)) throw invalid("params.notifications", "an object", filter);
  const wanted = Object.values(LIST_CHANGED).filter((kind) => {
    const value = filter[kind];
    if (value === undefined || typeof value === "boolean") return value;
    throw invalid(`params.notifications.${kind}`, "a boolean", value);
  });
  const uris = readUris(filter.resourceSubscriptions);
  return {
    ...Object.fromEntries(wanted.map((kind) => [kind, true])),
    ...(uris.length > 0 && { resourceSubscriptions: uris }),
  };
}

/** The part of a filter that a server of these capabilities can deliver. */
export function deliverable(filter: SubscriptionFilter, capabilities: unknown): SubscriptionFilter {
  const can = (list: ListKind, what: "listChanged" | "subscribe") =>
    member(member(capabilities, list), what) === true;
  const { toolsListChanged, promptsListChanged, resourcesListChanged, resourceSubscriptions } =
    filter;
  return {
    ...(toolsListChanged && can("tools", "listChanged") && { toolsListChanged }),
    ...(promptsListChanged && can("prompts", "listChanged") && { promptsListChanged }),
    ...(resourcesListChanged && can("resources", "listChanged") && { resourcesListChanged }),
    ...(resourceSubscriptions && can("resources", "subscribe") && { resourceSubscriptions }),
  };
}

/** Whether a notification reaches modern clients by their subscriptions alone. */
export function isOfSubscriptions(method: string): boolean {
  return method === RESOURCE_UPDATED || Object.hasOwn(LIST_CHANGED, method);
}

export function wantsChange(filter: SubscriptionFilter, { method, params }: Notification): boolean {
  if (method === RESOURCE_UPDATED) {
    const uri = member(params, "uri");
    return typeof uri === "string" && filter.resourceSubscriptions?.includes(uri) === true;
  }
  return Object.entries(LIST_CHANGED).some(([name, kind]) => name === method && filter[kind]);
}

/** A notification as one of a subscription, whose id is that of the request that opened it. */
export function ofSubscription<T extends Notification>(notification: T, id: string | number): T {
  const { params } = notification;
  const meta = isObject(params?._meta) ? params._meta : {};
  return { ...notification, params: { ...params, _meta: { ...meta, [META.subscriptionId]: id } } };
}

function readUris(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const field = "params.notifications.resourceSubscriptions";
  if (!Array.isArray(value)) throw invalid(field, "an array", value);
  const uris = new Set<string>();
  for (const [index, uri] of value.entries()) {
    if (typeof uri !== "string") throw invalid(`${field}[${index}]`, "a string", uri);
    uris.add(uri);
  }
  const length = [...uris].reduce((length, uri) => length + uri.length, 0);
  if (uris.size > MAX_URIS || length > MAX_URIS_LENGTH) {
    throw new WireError(
      CODE.invalidParams,
      `${field} can name at most ${MAX_URIS} URIs of ${MAX_URIS_LENGTH} characters in all: ` +
        "subscribe to the others by a further request",
    );
  }
  return [...uris];
}
