/**
 * SHA-256 of a text, in hex.
 *
 * @module
 */

import { getBuiltinModule } from "node:process";

/** The digest in lowercase hex. Web Crypto digests in another thread, at ten times the cost. */
export function sha256(text: string): string {
  // Importing it takes a start longer than all digests of a short run.
  return getBuiltinModule("node:crypto").createHash("sha256").update(text).digest("hex");
}
