/**
 * The methods `session/create`, `session/list` and `session/delete` (section 3 of the contract).
 *
 * @module
 */

import { type Cookie, META_KEY } from "../../../protocol/cookie.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { LIST_PAGE, METHOD } from "../../../protocol/methods.ts";
import { parseCreateParams, parseDeleteId, parseListCursor } from "../../../protocol/params.ts";
import type { SessionRecord, SessionStore } from "../../../store/mod.ts";
import { lookupByCookie } from "./session_lookup.ts";
import { cookieOf, newRecord } from "./session_record.ts";
import type { Lifetime } from "./session_lifetime.ts";
import type { CallerSessions } from "./session_watch.ts";

export interface MethodContext {
  readonly store: SessionStore;
  readonly sessions: CallerSessions;
  /** The method, or the tool for handles that stands for it. */
  readonly via: string;
  /** Whether a list leaves out sessions that are found without a handle. */
  readonly unboundOnly: boolean;
  readonly local: boolean;
  readonly lifetime: Lifetime;
  readonly now: () => number;
}

export type SessionMethod = (params: unknown, context: MethodContext) => Promise<object>;

export const sessionMethods: ReadonlyMap<string, SessionMethod> = new Map([
  [METHOD.create, create],
  [METHOD.list, list],
  [METHOD.delete, remove],
]);

async function create(params: unknown, context: MethodContext): Promise<object> {
  const { store, sessions, via, lifetime, now } = context;
  const { owner } = sessions;
  const { title, extra } = parseCreateParams(params);
  const reason = METHOD.create;
  const record = newRecord({ owner, title, reason, extra, lifetime, now: now() });
  const created = await store.create(record);
  sessions.created(created, via);
  const cookie = cookieOf(created);
  return { ...cookie, _meta: { [META_KEY]: cookie } };
}

async function list(params: unknown, context: MethodContext): Promise<object> {
  const { sessions, local } = context;
  const after = parseListCursor(params);
  if (after !== undefined && !/^[0-9a-f]{32}$/.test(after)) {
    throw new WireError(CODE.invalidParams, "params.cursor must be a nextCursor of this method");
  }
  if (sessions.owner === null && !local) {
    // Lists leak ids: an anonymous caller sees only the session that it presents.
    const presented = await lookupByCookie(params, sessions);
    return { sessions: presented.kind === "live" ? [cookieOf(presented.record)] : [] };
  }
  const records = await readPage(context, after);
  const page = records.slice(0, LIST_PAGE);
  return {
    sessions: page.map(cookieOf),
    ...(records.length > LIST_PAGE && { nextCursor: page.at(-1)?.stateId }),
  };
}

/** The sessions of one page and at least one more, from as many pages of the store as that takes. */
async function readPage(
  { store, sessions: { owner }, unboundOnly }: MethodContext,
  after: string | undefined,
): Promise<SessionRecord[]> {
  const page: SessionRecord[] = [];
  for (let last = after;;) {
    const records = await store.list({ owner, after: last, limit: LIST_PAGE + 1 });
    // A conversation's session must not be shown to another conversation.
    page.push(...records.filter(({ alias }) => !unboundOnly || alias === null));
    if (page.length > LIST_PAGE || records.length <= LIST_PAGE) return page;
    last = records.at(-1)?.stateId;
  }
}

async function remove(params: unknown, context: MethodContext): Promise<object> {
  const { store, sessions, via } = context;
  const named = parseDeleteId(params);
  const presented = await lookupByCookie(params, sessions);
  const own = presented.kind === "live" ? presented.record : undefined;
  const target = named === undefined ? own : sessions.own(await sessions.get(named), named, via);
  const deleted = target !== undefined && await store.delete(target.id);
  if (deleted) sessions.deleted(target, via);
  if (presented.kind === "missing") return { deleted };
  const cookie: Cookie | null = own === undefined || own.id === target?.id ? null : cookieOf(own);
  return { deleted, _meta: { [META_KEY]: cookie } };
}
