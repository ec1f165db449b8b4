/**
 * Inspects a PostgreSQL, a replica too: by queries that only read.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { StoreInspector } from "../inspection.ts";
import type { CounterPage, InspectedDatabase, InspectedRows } from "../rows/inspected_rows.ts";
import { RowInspector, type RowInspectorOptions } from "../rows/row_inspector.ts";
import { type OpenedPostgres, openPostgres } from "./open_postgres.ts";
import { postgresError } from "./postgres_errors.ts";
import { namespacePrefix, PostgresRows } from "./postgres_rows.ts";
import { parsePostgresUrl } from "./postgres_url.ts";
import { checkPostgres } from "./prepare_schema.ts";
import { firstName, pastLastName, textOf } from "./read_batch.ts";

/**
 * Opens an inspector by a `postgres:` or `postgresql:` URL.
 *
 * @throws {StoreError} `unavailable` if PostgreSQL cannot be reached, or has no store.
 */
export async function inspectPostgres(
  url: string,
  options: RowInspectorOptions,
): Promise<StoreInspector> {
  const { timeoutMs } = options;
  const address = parsePostgresUrl(url);
  const opened = await openPostgres(address, { warn: () => {}, timeoutMs, prepare: checkPostgres });
  return new RowInspector(new PostgresInspection(opened, timeoutMs), options);
}

const COUNTERS_SQL = `
  SELECT encode(name, 'hex') AS name, sum(value)::text AS value FROM mcp_sessions.counts
  WHERE name >= $1 AND name < $2
  GROUP BY counts.name HAVING sum(value) <> 0 ORDER BY counts.name LIMIT $3
`;

const NEXT_COUNTER_SQL = `
  SELECT encode(name, 'hex') AS name FROM mcp_sessions.counts
  WHERE name >= $1 ORDER BY counts.name LIMIT 1
`;

class PostgresInspection implements InspectedDatabase {
  readonly name: string;
  readonly countsBytes = true;
  readonly #opened: OpenedPostgres;
  readonly #timeoutMs: number;

  constructor(opened: OpenedPostgres, timeoutMs: number) {
    this.name = opened.name;
    this.#opened = opened;
    this.#timeoutMs = timeoutMs;
  }

  async namespaces(): Promise<string[]> {
    const namespaces: string[] = [];
    for (let from = Buffer.of();;) {
      const [found] = await this.#ask(NEXT_COUNTER_SQL, [from]);
      if (found === undefined) return namespaces;
      const counter = textOf(found["name"] ?? "");
      const namespace = counter.slice(1, 1 + counter.charCodeAt(0));
      namespaces.push(namespace);
      from = pastLastName({ prefix: namespacePrefix(namespace) });
    }
  }

  rows(namespace: string): InspectedRows {
    const close = () => Promise.resolve();
    const { name } = this;
    const rows = new PostgresRows(this.#opened.pool, {
      name,
      namespace,
      timeoutMs: this.#timeoutMs,
      close,
    });
    return {
      read: (want) => rows.read(want),
      counters: (page) => this.#counters(namespacePrefix(namespace), page),
    };
  }

  close(): Promise<void> {
    return this.#opened.end();
  }

  async #counters(
    namespace: string,
    { prefix, after, limit }: CounterPage,
  ): Promise<[name: string, value: number][]> {
    const page = {
      prefix: namespace + prefix,
      after: after === undefined ? undefined : namespace + after,
    };
    const bounds = [Buffer.from(firstName(page)), pastLastName(page)];
    const found = await this.#ask(COUNTERS_SQL, [...bounds, limit]);
    return found.map(({ name, value }) => [
      textOf(name ?? "").slice(namespace.length),
      Number(value),
    ]);
  }

  async #ask(text: string, values: unknown[]): Promise<readonly Record<string, string | null>[]> {
    try {
      const types = { getTypeParser: () => (text: string) => text };
      const query = { text, values, types, query_timeout: this.#timeoutMs };
      return (await this.#opened.pool.query(query)).rows as Record<string, string | null>[];
    } catch (error) {
      throw postgresError(this.name, error);
    }
  }
}
