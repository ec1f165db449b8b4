/**
 * Inspects stores in databases, whichever database it is.
 *
 * @module
 */

import type { Json } from "../../runtime/json.ts";
import { closedError } from "../errors.ts";
import type {
  InspectedSession,
  InspectEntriesOptions,
  InspectOwnersOptions,
  InspectSessionsOptions,
  OwnerSummary,
  ServerSummary,
  StoreInspector,
} from "../inspection.ts";
import { INTERNAL_OWNER } from "../session_store.ts";
import { compareUtf8 } from "../utf8_order.ts";
import { canBeFound, checkEntries, checkText, checkWhole, fits } from "../validation.ts";
import type { InspectedDatabase, InspectedRows } from "./inspected_rows.ts";
import { Operations } from "./operation.ts";
import type { RowPage, Snapshot, Want } from "./rows.ts";
import {
  at,
  counter,
  dueTime,
  foundIn,
  type FoundSession,
  liveAt,
  ownerOf,
  part,
} from "./session_rows.ts";

export interface RowInspectorOptions {
  readonly now: () => number;
  /** The timeout of one read, in milliseconds. */
  readonly timeoutMs: number;
}

/** The rows that are read at once. */
const BATCH = 500;

export class RowInspector implements StoreInspector {
  readonly #database: InspectedDatabase;
  readonly #now: () => number;
  readonly #operations: Operations;
  readonly #namespaces = new Map<string, NamespaceReader>();
  #closing: Promise<void> | undefined;

  /** Makes an inspector of a database, which it closes with itself. */
  constructor(database: InspectedDatabase, { now, timeoutMs }: RowInspectorOptions) {
    this.#database = database;
    this.#now = now;
    this.#operations = new Operations(database.name, timeoutMs);
  }

  async servers(): Promise<ServerSummary[]> {
    this.#checkOpen();
    const { countsBytes } = this.#database;
    const servers: ServerSummary[] = [];
    for (const namespace of await this.#run(() => this.#database.namespaces())) {
      const reader = this.#reader(namespace);
      const [kept = 0, bytes = 0] = await reader.counts([counter.sessions(null), counter.bytes]);
      let sessions = kept;
      if (kept > 0) { for await (const _ of reader.hidden()) sessions--; }
      if (sessions > 0) servers.push({ namespace, sessions, ...(countsBytes && { bytes }) });
    }
    return servers.sort((a, b) => compareUtf8(a.namespace, b.namespace));
  }

  async owners({ namespace, after, limit }: InspectOwnersOptions): Promise<OwnerSummary[]> {
    const reader = this.#reader(namespace);
    if (checkWhole("limit", limit) === 0) return [];
    const hidden = new Map<string | null, number>();
    for await (const { record: { owner } } of reader.hidden()) {
      hidden.set(owner, (hidden.get(owner) ?? 0) + 1);
    }
    const owners: OwnerSummary[] = [];
    const add = (owner: string | null, kept: number) => {
      const sessions = kept - (hidden.get(owner) ?? 0);
      if (sessions > 0) owners.push({ owner, sessions });
    };
    // Anonymous sessions have no counter of their own.
    if (after === undefined) add(null, await reader.countRows(part.owned(null)));
    for await (const [owner, kept] of reader.owners(after ?? undefined)) {
      if (owners.length >= limit) break;
      add(owner, kept);
    }
    return owners;
  }

  async sessions(
    { namespace, owner, after, limit }: InspectSessionsOptions,
  ): Promise<InspectedSession[]> {
    const reader = this.#reader(namespace);
    checkWhole("limit", limit);
    if (limit === 0 || (owner != null && !canBeFound({ owner, alias: "any" }))) return [];
    const sessions: InspectedSession[] = [];
    // No stateId is longer.
    for await (
      const { record, bytes } of reader.live(owner, after?.slice(0, 64).toWellFormed(), limit)
    ) {
      if (owner === undefined && record.owner === INTERNAL_OWNER) continue;
      if (sessions.push({ record, bytes }) === limit) break;
    }
    return sessions;
  }

  async entries(
    { namespace, stateId, ...options }: InspectEntriesOptions,
  ): Promise<[string, Json][] | undefined> {
    const reader = this.#reader(namespace);
    return await reader.entries(stateId, checkEntries(options));
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close() {
    await this.#operations.close();
    await this.#database.close();
  }

  #checkOpen() {
    if (this.#closing) throw closedError();
  }

  #run<T>(read: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    return this.#operations.run((operation) => operation.retry(() => operation.call(read)));
  }

  #reader(namespace: string): NamespaceReader {
    checkText("namespace", namespace);
    this.#checkOpen();
    let reader = this.#namespaces.get(namespace);
    if (reader === undefined) {
      const rows = this.#database.rows(namespace);
      reader = new NamespaceReader(rows, this.#now, (read) => this.#run(read));
      this.#namespaces.set(namespace, reader);
    }
    return reader;
  }
}

/** Reads the rows of one namespace. */
class NamespaceReader {
  readonly #rows: InspectedRows;
  readonly #now: () => number;
  readonly #run: <T>(read: () => Promise<T>) => Promise<T>;

  constructor(
    rows: InspectedRows,
    now: () => number,
    run: <T>(read: () => Promise<T>) => Promise<T>,
  ) {
    this.#rows = rows;
    this.#now = now;
    this.#run = run;
  }

  async counts(names: readonly string[]): Promise<readonly number[]> {
    return (await this.#read({ counts: names })).counts;
  }

  async countRows(name: string): Promise<number> {
    let count = 0;
    for await (const { length } of this.#pages({ part: name })) count += length;
    return count;
  }

  /** Owners with a name, and how many sessions each has, live or hidden. */
  async *owners(after: string | undefined): AsyncGenerator<readonly [owner: string, kept: number]> {
    const prefix = counter.owner("");
    for (let last = after === undefined ? undefined : prefix + after;;) {
      const options = { prefix, after: last, limit: BATCH };
      const page = await this.#run(() => this.#rows.counters(options));
      for (const [name, value] of page) yield [ownerOf(name), value];
      last = page.at(-1)?.[0];
      if (last === undefined || page.length < BATCH) return;
    }
  }

  /** Sessions that are kept though they have expired, but for a server's own records. */
  async *hidden(): AsyncGenerator<FoundSession> {
    for await (const page of this.#pages({ part: part.due(null) })) {
      const due = page.filter(([name]) => dueTime(name) <= this.#now());
      for (const [index, found] of (await this.#find(due.map(([, id]) => id))).entries()) {
        // A row that is wrong by now leads to one that is looked at too, or to a live session.
        if (found === undefined || at.due(found)[1] !== due[index]![0]) continue;
        if (liveAt(this.#now(), found) === undefined) yield found;
      }
      if (due.length < page.length) return;
    }
  }

  /** Live sessions of one owner, or of all, by age. */
  async *live(
    owner: string | null | undefined,
    after: string | undefined,
    limit: number,
  ): AsyncGenerator<FoundSession> {
    const name = owner === undefined ? part.ids : part.owned(owner);
    for await (const page of this.#pages({ part: name, after }, limit)) {
      const each = await this.#find(page.map(([, id]) => id));
      for (const [index, [stateId]] of page.entries()) {
        const found = await this.#stillThere(stateId, each[index]);
        if (found !== undefined && liveAt(this.#now(), found) !== undefined) yield found;
      }
    }
  }

  async entries(
    stateId: string,
    page: Omit<RowPage, "part">,
  ): Promise<[string, Json][] | undefined> {
    // A longer name could not be asked for.
    if (!fits("stateId", stateId)) return undefined;
    let id: string | undefined;
    for (;;) {
      const [row] = (await this.#read({ at: [at.id(stateId)] })).at;
      if (row === undefined || row.text === id) return undefined;
      id = row.text;
      const rows = page.limit === 0 ? undefined : { ...page, part: part.values(stateId) };
      const snapshot = await this.#read({ at: [at.session(id)], page: rows });
      // Read last: if it is still there, under this id, the page is complete.
      const found = foundIn(snapshot.at[0]);
      if (found?.record.stateId !== stateId) continue;
      if (liveAt(this.#now(), found) === undefined) return undefined;
      return snapshot.page.map(([key, { text }]): [string, Json] => [key, JSON.parse(text)]);
    }
  }

  /** The session of this stateId, which may have got another id since it was looked for. */
  async #stillThere(
    stateId: string,
    found: FoundSession | undefined,
  ): Promise<FoundSession | undefined> {
    let id: string | undefined;
    while (found?.record.stateId !== stateId) {
      const [row] = (await this.#read({ at: [at.id(stateId)] })).at;
      // One that leads nowhere twice, as where Redis may evict rows.
      if (row === undefined || row.text === id) return undefined;
      id = row.text;
      [found] = await this.#find([id]);
    }
    return found;
  }

  async #find(ids: readonly string[]): Promise<(FoundSession | undefined)[]> {
    if (ids.length === 0) return [];
    return (await this.#read({ at: ids.map(at.session) })).at.map(foundIn);
  }

  /** The rows of a part in pages: first as many as are wanted, and more each time. */
  async *#pages(
    { part, after }: { readonly part: string; readonly after?: string | undefined },
    first = BATCH,
  ): AsyncGenerator<(readonly [name: string, text: string])[]> {
    for (let last = after, limit = Math.min(first, BATCH);; limit = Math.min(2 * limit, BATCH)) {
      const page = { part, after: last, limit };
      const rows = (await this.#read({ page })).page;
      if (rows.length > 0) yield rows.map(([name, { text }]) => [name, text] as const);
      last = rows.at(-1)?.[0];
      if (last === undefined || rows.length < limit) return;
    }
  }

  #read(want: Want): Promise<Snapshot> {
    return this.#run(() => this.#rows.read(want));
  }
}
