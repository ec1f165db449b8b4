/**
 * What a backend gives to the inspector of stores in databases, beside the rows of a namespace.
 *
 * @module
 */

import type { Rows } from "./rows.ts";

/** A page of counters, in the order of their names. */
export interface CounterPage {
  /** Only names that begin with this. */
  readonly prefix: string;
  /** Only names that sort after this one. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Rows that are only read, of parts without an order in pages too. */
export interface InspectedRows extends Pick<Rows, "read"> {
  /** Counters that are not 0. */
  counters(page: CounterPage): Promise<(readonly [name: string, value: number])[]>;
}

/** A database as an inspector reads it. Its errors are those of {@linkcode Rows}. */
export interface InspectedDatabase {
  /** Its name, as it begins a sentence. */
  readonly name: string;
  /** Whether it counts the bytes of all states. */
  readonly countsBytes: boolean;
  /** All namespaces with rows, in no order. */
  namespaces(): Promise<readonly string[]>;
  /** The rows of one namespace, which need not have any. */
  rows(namespace: string): InspectedRows;
  close(): Promise<void>;
}
