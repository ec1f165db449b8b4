/**
 * Session awareness: which callers know sessions, and can act on the error -32002.
 *
 * @module
 */

import { META_KEY } from "../../../protocol/cookie.ts";
import { isObject, member } from "../../../runtime/json.ts";
import { isFromModern } from "../era/caller.ts";
import type { JSONRPCRequest, MessageExtraInfo, Transport } from "../sdk.ts";

export class SessionAwareness {
  readonly #transport: Pick<Transport, "sessionId">;
  /** Whether the only caller of this transport has sent a `session/*` method. */
  #isProven = false;

  constructor(transport: Pick<Transport, "sessionId">) {
    this.#transport = transport;
  }

  /** Whether this request's caller knows sessions. To be called once for every request. */
  observe({ method, params }: JSONRPCRequest, extra: MessageExtraInfo | undefined): boolean {
    const meta = member(params, "_meta");
    const isProof = method.startsWith("session/");
    if (!isProof && isObject(meta) && Object.hasOwn(meta, META_KEY)) return true;
    // Over stateless HTTP the next request may come from another caller.
    const isAlone = extra?.requestInfo === undefined || this.#transport.sessionId !== undefined;
    // A modern request speaks for itself alone.
    const isProving = isAlone && !isFromModern(extra);
    if (isProving && isProof) this.#isProven = true;
    return (isProving && this.#isProven) || (isObject(meta) && Object.hasOwn(meta, META_KEY));
  }
}
