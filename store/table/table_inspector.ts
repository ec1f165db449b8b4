/**
 * Inspects stores that have all sessions in memory, as tables.
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
import { checkEntries, checkText, checkWhole, copyRecord } from "../validation.ts";
import { SessionTable } from "./session_table.ts";

export interface TableInspectorOptions {
  /** The tables as they are now, by namespace. */
  readonly tables: () => Promise<ReadonlyMap<string, SessionTable>>;
  readonly now: () => number;
  /** Closes what the tables come from. */
  readonly close: () => Promise<void>;
}

export class TableInspector implements StoreInspector {
  readonly #options: TableInspectorOptions;
  #closing: Promise<void> | undefined;

  constructor(options: TableInspectorOptions) {
    this.#options = options;
  }

  async servers(): Promise<ServerSummary[]> {
    const now = this.#options.now();
    const servers: ServerSummary[] = [];
    for (const [namespace, table] of await this.#tables()) {
      const sessions = countLive(table.byAge(undefined, undefined), now);
      if (sessions > 0) servers.push({ namespace, sessions, bytes: table.bytes });
    }
    return servers.sort((a, b) => compareUtf8(a.namespace, b.namespace));
  }

  async owners({ namespace, after, limit }: InspectOwnersOptions): Promise<OwnerSummary[]> {
    checkWhole("limit", limit);
    const now = this.#options.now();
    const table = await this.#table(namespace);
    const owners = table.owners().filter((owner) => isAfter(owner, after)).sort(compareOwners);
    const page: OwnerSummary[] = [];
    for (const owner of owners) {
      if (page.length === limit) break;
      const sessions = countLive(table.byAge(owner, undefined), now);
      if (sessions > 0) page.push({ owner, sessions });
    }
    return page;
  }

  async sessions(
    { namespace, owner, after, limit }: InspectSessionsOptions,
  ): Promise<InspectedSession[]> {
    const now = this.#options.now();
    const page: InspectedSession[] = [];
    checkWhole("limit", limit);
    const table = await this.#table(namespace);
    if (limit === 0) return page;
    for (const { record, bytes } of table.byAge(owner, after)) {
      if (record.expiresAt <= now) continue;
      if (page.push({ record: copyRecord(record), bytes }) === limit) break;
    }
    return page;
  }

  async entries(
    { namespace, stateId, ...options }: InspectEntriesOptions,
  ): Promise<[string, Json][] | undefined> {
    const page = checkEntries(options);
    const table = await this.#table(namespace);
    const row = table.byStateId(stateId);
    return row && table.entries(row.record.id, page, this.#options.now());
  }

  close(): Promise<void> {
    return this.#closing ??= this.#options.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #tables(): Promise<ReadonlyMap<string, SessionTable>> {
    if (this.#closing) throw closedError();
    return await this.#options.tables();
  }

  async #table(namespace: string): Promise<SessionTable> {
    return (await this.#tables()).get(checkText("namespace", namespace)) ?? new SessionTable();
  }
}

function countLive(
  rows: Iterable<{ readonly record: { readonly expiresAt: number } }>,
  now: number,
): number {
  let live = 0;
  for (const { record } of rows) if (record.expiresAt > now) live++;
  return live;
}

function isAfter(owner: string | null, after: string | null | undefined): boolean {
  if (owner === INTERNAL_OWNER) return false;
  return after === undefined || compareOwners(owner, after) > 0;
}

function compareOwners(a: string | null, b: string | null): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return compareUtf8(a, b);
}
