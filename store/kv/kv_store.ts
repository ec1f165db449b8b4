/**
 * A store in Deno KV: in a file for several processes, or remote for any number of machines.
 *
 * @module
 */

import { checkText, checkTimeout, DEFAULT_TIMEOUT_MS } from "../validation.ts";
import { requireDenoKv } from "./kv_error.ts";
import { KvRows } from "./kv_rows.ts";
import { newPart } from "../rows/session_rows.ts";
import { RowStore } from "../rows/row_store.ts";
import { TakeOver } from "./take_over.ts";
import type { Commit, Committed, Rows, Snapshot, Want } from "../rows/rows.ts";
import type { StoreLimits } from "../session_store.ts";

/** What `Deno.openKv` gives. Where there are no types of Deno there is none, and no {@linkcode KvStore}. */
export type DenoKv = typeof globalThis extends
  { readonly Deno: { readonly openKv: (path?: string) => Promise<infer Kv> } } ? Kv : never;

/** Options of a {@linkcode KvStore}. */
export interface KvStoreOptions {
  /** The server's name: sessions of other names in the same KV are not seen. */
  readonly namespace: string;
  /** The time in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** The timeout of an operation, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number | undefined;
  /** The most that the store keeps. */
  readonly limits?: Partial<StoreLimits> | undefined;
  /** Told in one line of what was found and mended. @default console.warn */
  readonly warn?: ((message: string) => void) | undefined;
  /** Whether closing the store closes the KV. @default false */
  readonly closesKv?: boolean | undefined;
}

/**
 * Keeps sessions in Deno KV. Needs `--unstable-kv`.
 *
 * An operation that fails with `unavailable` got no answer in time. Its commit may have been made, or
 * be made when a remote KV is back, if the session was not written to by then. No other failure writes.
 * No commit is made twice, though Deno sends one again that was not answered.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { KvStore } from "@mcp-sessions/deno/store";
 *
 * using kv = await Deno.openKv(":memory:");
 * await using store = new KvStore(kv, { namespace: "example" });
 * assertEquals(await store.get("sess-1"), undefined);
 * ```
 */
export class KvStore extends RowStore {
  /** Makes a store of an open KV. */
  constructor(kv: DenoKv, options: KvStoreOptions) {
    requireDenoKv();
    const { now = Date.now, warn = console.warn, closesKv } = options;
    const namespace = checkText("namespace", options.namespace);
    const timeoutMs = checkTimeout("timeoutMs", options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const rows = new KvRows(kv, { namespace, now, timeoutMs, closesKv, begins: newPart });
    const takeOver = new TakeOver(kv, { namespace, rows, now, timeoutMs, warn });
    const database = { name: "Deno KV", rows: new RowsAfter(takeOver, rows), countsBytes: false };
    super(database, options);
  }
}

/** Rows that are used once all sessions are there. */
class RowsAfter implements Rows {
  readonly #takeOver: TakeOver;
  readonly #rows: Rows;

  constructor(takeOver: TakeOver, rows: Rows) {
    this.#takeOver = takeOver;
    this.#rows = rows;
  }

  async read(want: Want): Promise<Snapshot> {
    await this.#takeOver.done();
    return await this.#rows.read(want);
  }

  async commit(commit: Commit): Promise<Committed> {
    await this.#takeOver.done();
    return await this.#rows.commit(commit);
  }

  async checkWritable(): Promise<void> {
    await this.#takeOver.done();
    await this.#rows.checkWritable();
  }

  async close(): Promise<void> {
    await this.#takeOver.close();
    await this.#rows.close();
  }
}
