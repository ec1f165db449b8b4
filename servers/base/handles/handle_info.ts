/**
 * Handle info: notes of the handle layer for the session layer, passed along with a message.
 *
 * @module
 */

import { member } from "../../../runtime/json.ts";
import type { MessageExtraInfo } from "../sdk.ts";

interface HandleInfo extends MessageExtraInfo {
  readonly sessionHandle?: string;
  readonly unboundOnly?: true;
}

/** Adds the handle that was taken out of a call, or the mark of a list for a model. */
export function withHandleInfo(
  extra: MessageExtraInfo | undefined,
  call: { readonly kind: string; readonly handle?: string | undefined },
): MessageExtraInfo | undefined {
  const sessionHandle = call.kind === "call" ? call.handle : undefined;
  if (sessionHandle === undefined && call.kind !== "list") return extra;
  const info: HandleInfo = {
    ...extra,
    ...(sessionHandle === undefined ? { unboundOnly: true } : { sessionHandle }),
  };
  return info;
}

/** The handle that was taken out of a call. */
export function handleOf(extra: MessageExtraInfo | undefined): string | undefined {
  const handle = member(extra, "sessionHandle");
  return typeof handle === "string" ? handle : undefined;
}

/** Whether a list leaves out sessions that a conversation, a name or an environment leads to. */
export function listsUnboundOnly(extra: MessageExtraInfo | undefined): boolean {
  return member(extra, "unboundOnly") === true;
}
