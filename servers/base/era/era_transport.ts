/**
 * Era transport: what a transport and the era layer on it tell each other beside messages.
 *
 * @module
 */

import type { JSONRPCErrorResponse, Transport, TransportSendOptions } from "../sdk.ts";

/** The eras that a server answers in (section 10 of the contract). */
export type ServedEras = "both" | "legacy" | "modern";

/** Options of our transports beside those of the SDK. */
export interface EraSendOptions extends TransportSendOptions {
  /** The HTTP status of a response. @default 200 */
  readonly httpStatus?: number | undefined;
  /** Called with the error that is sent in place of a response: one that JSON cannot hold, or no room. */
  readonly onreplaced?: ((sent: JSONRPCErrorResponse) => void) | undefined;
}

/** A transport with an interest in the eras that are served on it. */
export interface EraTransport extends Transport {
  /** Set by the era layer. */
  servedEras: ServedEras;
  /** Called when no more requests are taken: what is open without end has to end now. */
  onstop?: (() => void) | undefined;
}

export function isEraTransport(transport: Transport): transport is EraTransport {
  return "servedEras" in transport;
}
