import { sha256 } from "../../../runtime/sha256.ts";

/** The key of a session for observers: its `stateId` cannot be found from it, and opens nothing either. */
export function sessionKey(stateId: string): string {
  return sha256(stateId).slice(0, 16);
}
