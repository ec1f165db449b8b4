/**
 * Session lookup: the session that a request names by a cookie or a handle.
 *
 * @module
 */

import { presentedCookie } from "../../../protocol/cookie.ts";
import type { SessionRecord, SessionStore } from "../../../store/mod.ts";
import type { Binding } from "./session_binding.ts";

export type NamedLookup =
  | { readonly kind: "missing" | "malformed" }
  | { readonly kind: "unknown"; readonly via: "cookie" | "handle" }
  | { readonly kind: "live"; readonly via: "cookie" | "handle"; readonly record: SessionRecord };

/** The same for a `tools/call`, whose session is bound if it names none. */
export type SessionLookup = NamedLookup | { readonly kind: "bound"; readonly binding: Binding };

export async function lookupByCookie(
  store: SessionStore,
  params: unknown,
  owner: string | null,
): Promise<NamedLookup> {
  const presented = presentedCookie(params);
  if (presented.kind !== "id") return { kind: presented.kind };
  return await lookupById(store, presented.id, owner, "cookie");
}

export async function lookupById(
  store: SessionStore,
  id: string,
  owner: string | null,
  via: "cookie" | "handle",
): Promise<NamedLookup> {
  const record = await findOwned(store, id, owner);
  return record === undefined ? { kind: "unknown", via } : { kind: "live", via, record };
}

/** The live session with this id. Another owner's is the same as none (section 6 of the contract). */
export async function findOwned(
  store: SessionStore,
  id: string,
  owner: string | null,
): Promise<SessionRecord | undefined> {
  const record = await store.get(id);
  return record?.owner === owner ? record : undefined;
}
