/**
 * The three methods `session/create`, `session/list` and `session/delete` (section 3 of the
 * contract).
 *
 * @module
 */

import { type Cookie, META_KEY } from "../../../protocol/cookie.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { LIST_PAGE, METHOD } from "../../../protocol/methods.ts";
import { parseCreateParams, parseDeleteId, parseListCursor } from "../../../protocol/params.ts";
import type { SessionRecord, SessionStore } from "../../../store/mod.ts";
import { findByCookie, findOwned } from "./session_lookup.ts";
import { cookieOf, type Lifetime, newRecord } from "./session_record.ts";

/** Who asks, and of which sessions. */
export interface MethodContext {
  /** Where the sessions are kept. */
  readonly store: SessionStore;
  /** The principal, or `null`. */
  readonly owner: string | null;
  /** Whether a list leaves out the sessions that nobody needs a handle for. */
  readonly unboundOnly: boolean;
  /** Does the transport reach only the user whose process this is? */
  readonly local: boolean;
  /** How long a new session lives. */
  readonly lifetime: Lifetime;
  /** The clock, in milliseconds since 1970. */
  readonly now: () => number;
}

/** A method of the contract: params in, result out. */
export type SessionMethod = (params: unknown, context: MethodContext) => Promise<object>;

/** The methods that the layer answers itself, by name. */
export const sessionMethods: ReadonlyMap<string, SessionMethod> = new Map([
  [METHOD.create, create],
  [METHOD.list, list],
  [METHOD.delete, remove],
]);

async function create(params: unknown, context: MethodContext): Promise<object> {
  const { store, owner, lifetime, now } = context;
  const { title, extra } = parseCreateParams(params);
  const record = newRecord({
    owner,
    title,
    reason: METHOD.create,
    extra,
    lifetime,
    now: now(),
  });
  const cookie = cookieOf(await store.create(record));
  return { ...cookie, _meta: { [META_KEY]: cookie } };
}

async function list(params: unknown, context: MethodContext): Promise<object> {
  const { store, owner, local } = context;
  const after = parseListCursor(params);
  if (after !== undefined && !/^[0-9a-f]{32}$/.test(after)) {
    throw new WireError(CODE.invalidParams, "params.cursor must be a nextCursor of this method");
  }
  if (owner === null && !local) {
    // Listing is how ids leak: a caller whom nobody knows is shown what it already has.
    const found = await findByCookie(store, params, owner);
    return { sessions: found.kind === "live" ? [cookieOf(found.record)] : [] };
  }
  const records = await listed(context, after);
  const page = records.slice(0, LIST_PAGE);
  return {
    sessions: page.map(cookieOf),
    ...(records.length > LIST_PAGE && { nextCursor: page.at(-1)?.stateId }),
  };
}

/** The sessions of a page and the next one, of as many of the store's pages as that takes. */
async function listed(
  { store, owner, unboundOnly }: MethodContext,
  after: string | undefined,
): Promise<SessionRecord[]> {
  const found: SessionRecord[] = [];
  for (let last = after;;) {
    const records = await store.list({ owner, after: last, limit: LIST_PAGE + 1 });
    // A conversation's session is no other conversation's to come upon.
    found.push(...records.filter(({ alias }) => !unboundOnly || alias === null));
    if (found.length > LIST_PAGE || records.length <= LIST_PAGE) return found;
    last = records.at(-1)?.stateId;
  }
}

async function remove(params: unknown, context: MethodContext): Promise<object> {
  const { store, owner } = context;
  const named = parseDeleteId(params);
  const presented = await findByCookie(store, params, owner);
  const own = presented.kind === "live" ? presented.record : undefined;
  const id = named === undefined ? own?.id : (await findOwned(store, named, owner))?.id;
  const deleted = id !== undefined && await store.delete(id);
  if (presented.kind === "missing") return { deleted };
  const cookie: Cookie | null = own === undefined || own.id === id ? null : cookieOf(own);
  return { deleted, _meta: { [META_KEY]: cookie } };
}
