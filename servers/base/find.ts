/**
 * Finding a request's session: a step of its own, before the policy is checked and the session used.
 *
 * @module
 */

import { type Presented, presentedCookie } from "../../protocol.ts";
import type { SessionRecord, SessionStore } from "../../store/mod.ts";
import type { AuthInfo } from "./sdk.ts";

/** What a request's cookie led to. */
export type Found =
  | { readonly kind: "missing" | "malformed" | "unknown" }
  | { readonly kind: "live"; readonly record: SessionRecord };

/**
 * Finds the session whose cookie `params` present, if `owner` may use it. A session of somebody
 * else's is `unknown`, just as one that never was.
 */
export async function findByCookie(
  store: SessionStore,
  params: unknown,
  owner: string | null,
): Promise<Found> {
  const presented: Presented = presentedCookie(params);
  if (presented.kind === "none") return { kind: "missing" };
  if (presented.kind === "malformed") return { kind: "malformed" };
  const record = await findOwned(store, presented.id, owner);
  return record === undefined ? { kind: "unknown" } : { kind: "live", record };
}

/** The live session with this id, if `owner` may use it (section 6 of the contract). */
export function findOwned(
  store: SessionStore,
  id: string,
  owner: string | null,
): Promise<SessionRecord | undefined> {
  return store.get(id).then((record) => record?.owner === owner ? record : undefined);
}

/**
 * The principal behind a request: issuer, client and subject, never the token's bytes, so that a
 * refreshed token keeps its sessions. `null` for a caller whom nobody has authenticated.
 */
export function ownerOf(authInfo: AuthInfo | undefined): string | null {
  if (authInfo === undefined) return null;
  const { iss, sub } = authInfo.extra ?? {};
  return JSON.stringify([iss ?? null, authInfo.clientId, sub ?? null]);
}
