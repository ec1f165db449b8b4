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

export function lookupByCookie(
  store: SessionStore,
  params: unknown,
  owner: string | null,
): NamedLookup | Promise<NamedLookup> {
  const presented = presentedCookie(params);
  return presented.kind === "id" ? lookupById(store, presented.id, owner, "cookie") : presented;
}

export async function lookupById(
  store: SessionStore,
  id: string,
  owner: string | null,
  via: "cookie" | "handle",
): Promise<NamedLookup> {
  const record = await store.get(id);
  // Another owner's session is the same as none (section 6 of the contract).
  return record?.owner === owner ? { kind: "live", via, record } : { kind: "unknown", via };
}
