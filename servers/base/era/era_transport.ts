/**
 * Era transport: what a transport and the era layer on it tell each other beside messages.
 *
 * @module
 */

import type { Transport, TransportSendOptions } from "../sdk.ts";

/** The eras that a server answers in (section 10 of the contract). */
export type ServedEras = "both" | "legacy" | "modern";

/** Options of a transport that also say with which HTTP status a response is sent. */
export interface EraSendOptions extends TransportSendOptions {
  /** @default 200 */
  readonly httpStatus?: number | undefined;
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
