/**
 * Finding a request's session: a step of its own, before the policy is checked and the session used.
 *
 * @module
 */

import { type Presented, presentedCookie } from "../../../protocol/cookie.ts";
import { isObject, member } from "../../../runtime/json.ts";
import type { SessionRecord, SessionStore } from "../../../store/mod.ts";
import type { MessageExtraInfo } from "../sdk.ts";

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

/** Finds the session that a handle names, if `owner` may use it. */
export async function findByHandle(
  store: SessionStore,
  handle: string,
  owner: string | null,
): Promise<Found> {
  const record = await findOwned(store, handle, owner);
  return record === undefined ? { kind: "unknown" } : { kind: "live", record };
}

/** What is known of a message beside it, once handles have been taken out of it. */
interface HandledInfo extends MessageExtraInfo {
  /** The handle of its session. */
  readonly sessionHandle?: string;
  /** Whether only sessions are meant that nothing but a handle leads to. */
  readonly unboundOnly?: true;
}

/** Passes along with a message what its caller asked by a handle, or by one of the three tools. */
export function handledInfo(
  extra: MessageExtraInfo | undefined,
  call: { readonly kind: string; readonly handle?: string | undefined },
): MessageExtraInfo | undefined {
  const sessionHandle = call.kind === "call" ? call.handle : undefined;
  if (sessionHandle === undefined && call.kind !== "list") return extra;
  const handled: HandledInfo = {
    ...extra,
    ...(sessionHandle === undefined ? { unboundOnly: true } : { sessionHandle }),
  };
  return handled;
}

/** The handle that was taken out of a message. */
export function handleOf(extra: MessageExtraInfo | undefined): string | undefined {
  const handle = member(extra, "sessionHandle");
  return typeof handle === "string" ? handle : undefined;
}

/** Whether a list leaves out the sessions that are found by a conversation, a name or an environment. */
export function listsUnboundOnly(extra: MessageExtraInfo | undefined): boolean {
  return member(extra, "unboundOnly") === true;
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
 *
 * @throws {TypeError} if a transport or a hook gives what could stand for several callers: they would
 * share their sessions.
 */
export function ownerOf(authInfo: unknown): string | null {
  if (authInfo === undefined || authInfo === null) return null;
  if (!isObject(authInfo)) throw unnamed("authInfo", "an object", authInfo);
  const { clientId, extra = null } = authInfo;
  if (extra !== null && !isObject(extra)) throw unnamed("extra", "an object", extra);
  if (!isName(clientId)) throw unnamed("clientId", "a text that is not empty", clientId);
  const { iss = null, sub = null } = extra ?? {};
  for (const [name, value] of [["extra.iss", iss], ["extra.sub", sub]] as const) {
    if (value === null || isName(value) || Number.isFinite(value)) continue;
    throw unnamed(name, "a text that is not empty, or a number", value);
  }
  return JSON.stringify([iss, clientId, sub]);
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** The value itself may be a secret in the wrong place. */
function unnamed(name: string, expected: string, value: unknown): TypeError {
  const type = value === null
    ? "null"
    : Array.isArray(value)
    ? "a list"
    : `of type ${typeof value}`;
  return new TypeError(
    `Cannot tell whose request it is as ${name} must be ${expected}: current value is ${type}`,
  );
}
