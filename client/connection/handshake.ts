/**
 * Handshakes: the requests by which a client and a server settle their era.
 *
 * @module
 */

import { DISCOVER } from "../../protocol/era.ts";

export function isHandshake(method: string): boolean {
  return method === "initialize" || method === DISCOVER;
}
