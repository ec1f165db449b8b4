/**
 * The plan of a host's request: its session, its message to the server and its response.
 *
 * @module
 */

import type { CookieSlot } from "../session/cookie_slot.ts";
import type { JSONRPCErrorResponse, JSONRPCRequest, JSONRPCResponse } from "../sdk.ts";
import type { HostSession } from "./host_session.ts";

/** A response without its id. */
export type ResponseBody =
  | { readonly result: Record<string, unknown> }
  | Pick<JSONRPCErrorResponse, "error">;

export interface RequestPlan {
  /** The request to the server; `undefined` if `response` needs none. */
  readonly message?: JSONRPCRequest;
  /** The response that needs no request to the server. */
  readonly response?: ResponseBody;
  readonly slot?: CookieSlot | undefined;
  /** The session whose loss the response tells of. */
  readonly session?: HostSession | undefined;
  /** Turns the server's response into the host's. Never rejects. */
  readonly complete?: (response: JSONRPCResponse) => Promise<ResponseBody>;
  /** Called once the request is no longer pending. */
  readonly release?: () => void;
}
