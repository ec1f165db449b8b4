/**
 * Session lookup: the session that a request names by a cookie or a handle, before the policy is
 * applied and the session used.
 *
 * @module
 */

import { presentedCookie } from "../../../protocol/cookie.ts";
import type { SessionRecord, SessionStore } from "../../../store/mod.ts";
import type { Binding } from "./session_binding.ts";

/** The result of a lookup by cookie or handle. */
export type NamedLookup =
  | { readonly kind: "missing" | "malformed" }
  | { readonly kind: "unknown"; readonly via: "cookie" | "handle" }
  | { readonly kind: "live"; readonly via: "cookie" | "handle"; readonly record: SessionRecord };

/** The same for a `tools/call`, whose session is bound if it names none. */
export type SessionLookup = NamedLookup | { readonly kind: "bound"; readonly binding: Binding };

/** Looks up the session of the cookie in `params`. */
export async function lookupByCookie(
  store: SessionStore,
  params: unknown,
  owner: string | null,
): Promise<NamedLookup> {
  const presented = presentedCookie(params);
  if (presented.kind === "none") return { kind: "missing" };
  if (presented.kind === "malformed") return { kind: "malformed" };
  return await lookupById(store, presented.id, owner, "cookie");
}

/** Looks up the session of an id that came in a cookie or as a handle. */
export async function lookupById(
  store: SessionStore,
  id: string,
  owner: string | null,
  via: "cookie" | "handle",
): Promise<NamedLookup> {
  const record = await findOwned(store, id, owner);
  return record === undefined ? { kind: "unknown", via } : { kind: "live", via, record };
}

/**
 * The live session with this id, if `owner` may use it (section 6 of the contract). Another owner's
 * session is the same as none.
 */
export async function findOwned(
  store: SessionStore,
  id: string,
  owner: string | null,
): Promise<SessionRecord | undefined> {
  const record = await store.get(id);
  return record?.owner === owner ? record : undefined;
}
