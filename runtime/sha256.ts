import { getBuiltinModule } from "node:process";

/** SHA-256 in lowercase hex. Web Crypto digests in another thread, at ten times the cost. */
export function sha256(text: string): string {
  // Importing it takes a start longer than all digests of a short run.
  return getBuiltinModule("node:crypto").createHash("sha256").update(text).digest("hex");
}
