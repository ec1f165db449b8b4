/**
 * The caller of a request: facts about it for the layers inside, passed along with its message.
 *
 * @module
 */

import { member } from "../../../runtime/json.ts";
import type { MessageExtraInfo, RequestId } from "../sdk.ts";

/** The client behind a request. */
export interface Caller {
  readonly era: "legacy" | "modern";
  /** The capabilities that the client has declared; `undefined` if it has not been seen to. */
  readonly capabilities: Record<string, unknown> | undefined;
}

interface CallerInfo extends MessageExtraInfo {
  readonly caller?: Caller;
}

export function withCaller(extra: MessageExtraInfo | undefined, caller: Caller): CallerInfo {
  return { ...extra, caller };
}

/** Whether a message is a request of the modern era, or belongs to one. */
export function isFromModern(extra: MessageExtraInfo | undefined): boolean {
  return member(member(extra, "caller"), "era") === "modern";
}

/** The `extra` of a request that its transport passes on under another id than its client's. */
export interface RenumberedInfo extends MessageExtraInfo {
  /** The id that the client has given. */
  readonly wireId?: RequestId;
}

/** The id that the client has given to a request, if its transport has renumbered it and says so. */
export function wireIdOf(extra: MessageExtraInfo | undefined): RequestId | undefined {
  const id = member(extra, "wireId");
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}
