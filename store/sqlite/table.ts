/**
 * Table: the rows and counters of one namespace, by prepared statements. It knows nothing of transactions:
 * a caller has begun one wherever it needs more than one of these calls to be of one moment.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { At, CountChange, Row, RowPage, Snapshot, Want } from "../rows/rows.ts";
import type { CounterPage } from "../rows/inspected_rows.ts";
import { compareUtf8 } from "../utf8_order.ts";
import { escapeNul, unescapeNul } from "./nul_text.ts";

/** Greater than any text: SQLite sorts bytes after texts. */
const END = new Uint8Array();

const ROW = "namespace = ? AND part = ? AND name = ?";
const PAGE = "namespace = ? AND part = ? AND name < ? AND name";
const COUNT = "namespace = ? AND name = ?";
const FOUND = "SELECT name, text, version FROM mcp_sessions_rows WHERE";

export class Table {
  readonly #namespace: number;
  readonly #find: StatementSync;
  readonly #findVersion: StatementSync;
  readonly #pageFrom: StatementSync;
  readonly #pageAfter: StatementSync;
  readonly #set: StatementSync;
  readonly #delete: StatementSync;
  readonly #drop: StatementSync;
  readonly #copy: StatementSync;
  readonly #findCount: StatementSync;
  readonly #countsFrom: StatementSync;
  readonly #countsAfter: StatementSync;
  readonly #setCount: StatementSync;
  readonly #deleteCount: StatementSync;

  constructor(database: DatabaseSync, namespace: number) {
    this.#namespace = namespace;
    const prepare = (sql: string) => database.prepare(sql);
    this.#find = prepare(`SELECT text, version FROM mcp_sessions_rows WHERE ${ROW}`);
    this.#findVersion = prepare(`SELECT version FROM mcp_sessions_rows WHERE ${ROW}`);
    this.#pageFrom = prepare(`${FOUND} ${PAGE} >= ? ORDER BY name LIMIT ?`);
    this.#pageAfter = prepare(`${FOUND} ${PAGE} > ? ORDER BY name LIMIT ?`);
    this.#set = prepare(
      "INSERT INTO mcp_sessions_rows (namespace, part, name, text, version) VALUES (?, ?, ?, ?, ?) " +
        "ON CONFLICT DO UPDATE SET text = excluded.text, version = excluded.version",
    );
    this.#delete = prepare(`DELETE FROM mcp_sessions_rows WHERE ${ROW}`);
    this.#drop = prepare("DELETE FROM mcp_sessions_rows WHERE namespace = ? AND part = ?");
    this.#copy = prepare(
      "INSERT INTO mcp_sessions_rows (namespace, part, name, text, version) " +
        "SELECT namespace, ?, name, text, ? FROM mcp_sessions_rows WHERE namespace = ? AND part = ?",
    );
    this.#findCount = prepare(`SELECT value FROM mcp_sessions_counts WHERE ${COUNT}`);
    const counts = "SELECT name, value FROM mcp_sessions_counts WHERE namespace = ? AND name < ?";
    this.#countsFrom = prepare(`${counts} AND name >= ? ORDER BY name LIMIT ?`);
    this.#countsAfter = prepare(`${counts} AND name > ? ORDER BY name LIMIT ?`);
    this.#setCount = prepare("INSERT OR REPLACE INTO mcp_sessions_counts VALUES (?, ?, ?)");
    this.#deleteCount = prepare(`DELETE FROM mcp_sessions_counts WHERE ${COUNT}`);
  }

  snapshot({ at = [], page, counts = [] }: Want): Snapshot {
    return {
      at: at.map((each) => this.#row(each)),
      page: page === undefined ? [] : this.#page(page),
      counts: counts.map((name) => this.count(name)),
    };
  }

  /** The version of a row; `null` if there is none. */
  version([part, name]: At): string | null {
    const found = this.#findVersion.get(this.#namespace, escapeNul(part), escapeNul(name));
    return found === undefined ? null : unescapeNul(String(found.version));
  }

  set([part, name]: At, text: string, version: string): void {
    this.#set.run(
      this.#namespace,
      escapeNul(part),
      escapeNul(name),
      escapeNul(text),
      escapeNul(version),
    );
  }

  delete([part, name]: At): void {
    this.#delete.run(this.#namespace, escapeNul(part), escapeNul(name));
  }

  drop(part: string): void {
    this.#drop.run(this.#namespace, escapeNul(part));
  }

  copy(from: string, to: string, version: string): void {
    this.#copy.run(escapeNul(to), escapeNul(version), this.#namespace, escapeNul(from));
  }

  count(name: string): number {
    return Number(this.#findCount.get(this.#namespace, escapeNul(name))?.value ?? 0);
  }

  counters(page: CounterPage): [name: string, value: number][] {
    const { isAfter, start, end } = boundsOf(page);
    const counts = isAfter ? this.#countsAfter : this.#countsFrom;
    const found = counts.all(this.#namespace, end, start, page.limit);
    return found.map(({ name, value }) => [unescapeNul(String(name)), Number(value)]);
  }

  addCount({ name, by }: CountChange): void {
    const value = this.count(name) + by;
    if (value === 0) this.#deleteCount.run(this.#namespace, escapeNul(name));
    else this.#setCount.run(this.#namespace, escapeNul(name), value);
  }

  #row([part, name]: At): Row | undefined {
    const found = this.#find.get(this.#namespace, escapeNul(part), escapeNul(name));
    return found === undefined ? undefined : rowOf(found);
  }

  #page(wanted: RowPage): [name: string, row: Row][] {
    const { isAfter, start, end } = boundsOf(wanted);
    const page = isAfter ? this.#pageAfter : this.#pageFrom;
    const found = page.all(this.#namespace, escapeNul(wanted.part), end, start, wanted.limit);
    return found.map((each) => [unescapeNul(String(each.name)), rowOf(each)]);
  }
}

/** The names of a page: from `start`, or after it, to before `end`. */
function boundsOf({ prefix = "", after }: Pick<RowPage, "prefix" | "after">) {
  const first = escapeNul(prefix);
  const last = after === undefined ? undefined : escapeNul(after);
  // What comes after this name may come before those with the prefix.
  const isAfter = last !== undefined && compareUtf8(last, first) >= 0;
  return { isAfter, start: isAfter ? last : first, end: endOf(first) };
}

type Found = NonNullable<ReturnType<StatementSync["get"]>>;

function rowOf({ text, version }: Found): Row {
  return { text: unescapeNul(String(text)), version: unescapeNul(String(version)) };
}

/** The first text, or what is greater, that sorts after all those with this prefix. */
function endOf(prefix: string): string | Uint8Array {
  const points = Array.from(prefix, (each) => each.codePointAt(0)!);
  for (let point = points.pop(); point !== undefined; point = points.pop()) {
    if (point === 0x10ffff) continue;
    // The surrogates are no characters.
    points.push(point === 0xd7ff ? 0xe000 : point + 1);
    return String.fromCodePoint(...points);
  }
  return END;
}
