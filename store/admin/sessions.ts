/**
 * The sessions of a store as its operator walks along them, looks one up, and sees it. Ids give access to a
 * session, and so may an alias: neither is shown.
 *
 * @module
 */

import { countOf, sizeOf } from "../../runtime/quantities.ts";
import type { InspectedSession, StoreInspector } from "../inspection.ts";
import type { SessionRecord } from "../session_store.ts";
import { sessionKey } from "../state_id.ts";
import { justBefore } from "../utf8_order.ts";
import type { Filter } from "./command_line.ts";
import { failure, type Report, type Rows } from "./report.ts";

/** A session, and its server. */
export interface ServedSession extends InspectedSession {
  readonly namespace: string;
}

const PAGE = 500;

/** The names of the servers that a filter lets pass. */
export async function serversOf(
  inspector: StoreInspector,
  { server }: Pick<Filter, "server">,
): Promise<string[]> {
  const servers = (await inspector.servers()).map(({ namespace }) => namespace);
  return server === undefined ? servers : servers.filter((name) => name === server);
}

/** All sessions that a filter lets pass, by server and age. */
export async function* walk(
  inspector: StoreInspector,
  filter: Filter,
): AsyncGenerator<ServedSession> {
  for (const namespace of await serversOf(inspector, filter)) {
    yield* walkServer(inspector, namespace, { owner: filter.owner });
  }
}

/** The sessions of one server by age, after a stateId or from the beginning. */
export async function* walkServer(
  inspector: StoreInspector,
  namespace: string,
  { owner, after, page = PAGE }: {
    readonly owner?: string | null | undefined;
    readonly after?: string | undefined;
    readonly page?: number;
  } = {},
): AsyncGenerator<ServedSession> {
  for (let last = after;;) {
    const sessions = await inspector.sessions({ namespace, owner, after: last, limit: page });
    for (const session of sessions) yield { ...session, namespace };
    last = sessions.at(-1)?.record.stateId;
    if (last === undefined || sessions.length < page) return;
  }
}

/** A session as it is now, whatever its id is by now. It keeps its owner. */
export async function findAgain(
  inspector: StoreInspector,
  namespace: string,
  { stateId, owner }: SessionRecord,
): Promise<InspectedSession | undefined> {
  const after = justBefore(stateId);
  const [found] = await inspector.sessions({ namespace, owner, after, limit: 1 });
  return found?.record.stateId === stateId ? found : undefined;
}

/** The most candidates that are listed. */
const MOST_CANDIDATES = 10;

/** A session as lines of a log and of an audit log name it. */
const KEY = /^[0-9a-f]{16}$/;

/** The one session whose stateId begins so, or whose key this is; or why there is not one. */
export async function findSession(
  inspector: StoreInspector,
  filter: Filter,
  beginning: string,
): Promise<ServedSession | Report> {
  const found: ServedSession[] = [];
  for (const namespace of await serversOf(inspector, filter)) {
    const options = { after: justBefore(beginning), page: MOST_CANDIDATES + 1 };
    for await (const session of walkServer(inspector, namespace, options)) {
      const { stateId } = session.record;
      if (stateId === beginning) return session;
      if (!stateId.startsWith(beginning) || found.length > MOST_CANDIDATES) break;
      found.push(session);
    }
  }
  const [one, another] = found;
  if (one === undefined) {
    return await withKey(inspector, filter, beginning) ??
      failure(`No live session begins with ${beginning}: see ls`);
  }
  if (another === undefined) return one;
  const rest = found.length > MOST_CANDIDATES ? ["…"] : [];
  const table = sessionTable(found.slice(0, MOST_CANDIDATES));
  return failure(`More than one session begins with ${beginning}: type more of it`, table, ...rest);
}

async function withKey(
  inspector: StoreInspector,
  filter: Filter,
  key: string,
): Promise<ServedSession | undefined> {
  if (!KEY.test(key)) return undefined;
  for await (const session of walk(inspector, filter)) {
    if (sessionKey(session.record.stateId) === key) return session;
  }
  return undefined;
}

const HEAD = ["SESSION", "SERVER", "OWNER", "CALLS", "SIZE", "CREATED", "EXPIRES", "TITLE"];

export function sessionTable(sessions: readonly ServedSession[]): Rows {
  return [
    HEAD,
    ...sessions.map(({ namespace, record, bytes }) => [
      record.stateId,
      namespace,
      ownerOf(record.owner),
      String(record.toolCalls),
      sizeOf(bytes),
      timeOf(createdAt(record)),
      timeOf(record.expiresAt),
      record.data["title"] ?? "",
    ]),
  ];
}

export function sessionJson({ namespace, record, bytes }: ServedSession) {
  const { stateId, owner, alias, ttlMs, expiresAt, endsAt, toolCalls, data } = record;
  const created = createdAt(record);
  return {
    session: stateId,
    server: namespace,
    owner,
    hasAlias: alias !== null,
    toolCalls,
    bytes,
    createdAt: created === undefined ? null : isoTime(created),
    expiresAt: isoTime(expiresAt),
    endsAt: endsAt === null ? null : isoTime(endsAt),
    ttlMs,
    data,
  };
}

/** An owner as people see it. One may have any name. */
export function ownerOf(owner: string | null): string {
  return owner === null ? "-" : owner === "-" ? '"-"' : owner;
}

export function sessionsOf(n: number): string {
  return countOf(n, "session");
}

/** When a session was made, as its data says. */
export function createdAt({ data }: InspectedSession["record"]): number | undefined {
  const time = Date.parse(data["createdAt"] ?? "");
  return Number.isNaN(time) ? undefined : time;
}

/** The last date there is: a record may say "never" by a number beyond it. */
const LAST_DATE_MS = 8.64e15;

export function isoTime(ms: number): string {
  return new Date(Math.min(ms, LAST_DATE_MS)).toISOString();
}

/** A time to the minute, in UTC. */
export function timeOf(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return ms >= LAST_DATE_MS ? "never" : isoTime(ms).replace("T", " ").replace(/:\d\d\.\d+Z$/, "Z");
}
