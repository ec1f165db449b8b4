/**
 * A batch of wishes as the arguments of one function call in PostgreSQL, and what it gives for each.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Row, RowPage, Snapshot, Want } from "../rows/rows.ts";
import { byteArray, int4Array } from "./arrays.ts";
import { compareUtf8 } from "../utf8_order.ts";

export const READ_SQL = "SELECT * FROM mcp_sessions.read_1($1, $2, $3, $4, $5, $6, $7)";

/** The most of PostgreSQL's `int4`. */
const MOST_ROWS = 2 ** 31 - 1;

/** In no UTF-8, and after all of it. */
const PAST = Buffer.of(0xff);

export function readArguments(wants: readonly Want[], namespace: string): unknown[] {
  const places = wants.flatMap(({ at }) => at ?? []);
  const pages = wants.flatMap(({ page }) => page ?? []);
  const counts = wants.flatMap(({ counts }) => counts ?? []);
  return [
    byteArray(places.map(([part]) => namespace + part)),
    byteArray(places.map(([, name]) => name)),
    byteArray(pages.map(({ part }) => namespace + part)),
    byteArray(pages.map(firstName)),
    byteArray(pages.map(pastLastName)),
    int4Array(pages.map(({ limit }) => Math.min(limit, MOST_ROWS))),
    byteArray(counts.map((name) => namespace + name)),
  ];
}

/** The first name of a page. */
export function firstName({ prefix = "", after }: Pick<RowPage, "prefix" | "after">): string {
  if (after === undefined || compareUtf8(after, prefix) < 0) return prefix;
  // No name is between.
  return `${after}\0`;
}

/** Bytes that sort after all names of a page. */
export function pastLastName({ prefix = "" }: Pick<RowPage, "prefix">): Buffer<ArrayBuffer> {
  return Buffer.concat([Buffer.from(prefix), PAST]);
}

/** What each of the wishes got, of the function's rows: kind, index, name, version, value. */
export function snapshotsOf(wants: readonly Want[], rows: readonly unknown[]): Snapshot[] {
  const places: (Row | undefined)[] = [];
  const pages: [name: string, row: Row][][] = [];
  const counts: number[] = [];
  for (const [kind, index, name, version, value] of rows as readonly (readonly string[])[]) {
    const place = Number(index) - 1;
    if (kind === "0") places[place] = rowOf(version!, value!);
    else if (kind === "1") (pages[place] ??= []).push([textOf(name!), rowOf(version!, value!)]);
    else counts[place] = Number(value);
  }
  const next = { at: 0, page: 0, count: 0 };
  return wants.map((want) => ({
    at: (want.at ?? []).map(() => places[next.at++]),
    page: want.page === undefined ? [] : pages[next.page++] ?? [],
    counts: (want.counts ?? []).map(() => counts[next.count++] ?? 0),
  }));
}

export function rowOf(version: string, text: string): Row {
  return { text: textOf(text), version: textOf(version) };
}

/** A text of its UTF-8 in hexadecimals. */
export function textOf(hex: string): string {
  return Buffer.from(hex, "hex").toString("utf8");
}
