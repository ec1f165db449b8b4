/**
 * The caller of a request: facts about it for the layers inside, passed along with its message.
 *
 * @module
 */

import { member } from "../../../runtime/json.ts";
import type { MessageExtraInfo, RequestId } from "../sdk.ts";
import type { RoundTrip } from "./round_trip.ts";

/** The client of a modern request, which speaks for itself alone. */
export class Caller {
  /** The capabilities that the client has declared in the request. */
  readonly capabilities: Record<string, unknown>;
  /** The input that the client is asked for; `undefined` if the method has no place for that. */
  readonly roundTrip: RoundTrip | undefined;

  constructor(capabilities: Record<string, unknown>, roundTrip: RoundTrip | undefined) {
    this.capabilities = capabilities;
    this.roundTrip = roundTrip;
  }
}

interface CallerInfo extends MessageExtraInfo {
  readonly caller?: Caller;
}

export function withCaller(extra: MessageExtraInfo | undefined, caller: Caller): CallerInfo {
  return { ...extra, caller };
}

/** The client of a modern request; `undefined` for a legacy one. */
export function callerOf(extra: MessageExtraInfo | undefined): Caller | undefined {
  const caller = member(extra, "caller");
  return caller instanceof Caller ? caller : undefined;
}

/** Whether a message is a request of the modern era, or belongs to one. */
export function isFromModern(extra: MessageExtraInfo | undefined): boolean {
  return callerOf(extra) !== undefined;
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

/** The `extra` of a request whose caller's address is known. */
export interface AddressedInfo extends MessageExtraInfo {
  /** The caller's IP address. */
  readonly address?: string | undefined;
}

/** The IP address of a request's caller, if its transport knows it. */
export function addressOf(extra: MessageExtraInfo | undefined): string | undefined {
  const address = member(extra, "address");
  return typeof address === "string" ? address : undefined;
}
