/**
 * Session lookup: the session that a request names by a cookie or a handle.
 *
 * @module
 */

import { presentedCookie } from "../../../protocol/cookie.ts";
import type { SessionRecord } from "../../../store/mod.ts";
import type { Binding } from "./session_binding.ts";
import type { CallerSessions } from "./session_watch.ts";

export type NamedLookup =
  | { readonly kind: "missing" | "malformed" }
  | { readonly kind: "unknown"; readonly via: "cookie" | "handle" }
  | { readonly kind: "live"; readonly via: "cookie" | "handle"; readonly record: SessionRecord };

/** The same for a `tools/call`, whose session is bound if it names none. */
export type SessionLookup = NamedLookup | { readonly kind: "bound"; readonly binding: Binding };

export function lookupByCookie(
  params: unknown,
  sessions: CallerSessions,
): NamedLookup | Promise<NamedLookup> {
  const presented = presentedCookie(params);
  if (presented.kind === "id") return lookupById(presented.id, "cookie", sessions);
  if (presented.kind === "malformed") sessions.malformed("cookie");
  return presented;
}

export async function lookupById(
  id: string,
  via: "cookie" | "handle",
  sessions: CallerSessions,
): Promise<NamedLookup> {
  const record = sessions.own(await sessions.get(id), id, via);
  return record === undefined ? { kind: "unknown", via } : { kind: "live", via, record };
}
