/**
 * Inspects a Deno KV. Deno opens its file for writing, as it knows no other way; nothing is written.
 *
 * @module
 */

import type { StoreInspector } from "../inspection.ts";
import type { InspectedDatabase, InspectedRows } from "../rows/inspected_rows.ts";
import { RowInspector, type RowInspectorOptions } from "../rows/row_inspector.ts";
import { counter } from "../rows/session_rows.ts";
import { StoreError } from "../session_store.ts";
import { kvError } from "./kv_error.ts";
import { KvKeys, lastText } from "./kv_keys.ts";
import { countIn, KvRows } from "./kv_rows.ts";
import { OldLayout } from "./old_layout.ts";
import { openKv } from "./open_kv.ts";

/**
 * Opens an inspector of the KV at a path or an `http(s):` URL.
 *
 * @throws {StoreError} `unavailable` if there is none, or it cannot be reached.
 */
export async function inspectKv(
  place: string,
  options: RowInspectorOptions,
): Promise<StoreInspector> {
  const { timeoutMs } = options;
  const kv = await openKv(place, { warn: () => {}, timeoutMs, mustExist: true });
  return new RowInspector(new KvInspection(kv), options);
}

class KvInspection implements InspectedDatabase {
  readonly name = "Deno KV";
  readonly countsBytes = false;
  readonly #kv: Deno.Kv;

  constructor(kv: Deno.Kv) {
    this.#kv = kv;
  }

  async namespaces(): Promise<string[]> {
    const namespaces: string[] = [];
    // Texts come after bytes, and before numbers.
    for (let start = "";;) {
      const [entry] = await this.#list({ start: [start], end: [-Infinity] }, 1);
      const first = entry?.key[0];
      if (typeof first !== "string") return namespaces;
      await this.#refuseOldLayout(first);
      const page = { prefix: counter.sessions(null), limit: 1 };
      const counted = await this.#list(new KvKeys(first).counters(page), page.limit);
      if (counted.length > 0) namespaces.push(first);
      start = `${first}\0`;
    }
  }

  rows(namespace: string): InspectedRows {
    const rows = new KvRows(this.#kv, { namespace });
    let isChecked = false;
    const check = async () => {
      if (!isChecked) await this.#refuseOldLayout(namespace);
      isChecked = true;
    };
    return {
      read: async (want) => {
        await check();
        return await rows.read(want);
      },
      counters: async (page) => {
        await check();
        const found = await this.#list(rows.keys.counters(page), page.limit);
        return found.map((entry) => [lastText(entry.key), countIn(entry)]);
      },
    };
  }

  close(): Promise<void> {
    this.#kv.close();
    return Promise.resolve();
  }

  /** Refuses sessions in the layout of an earlier version, which a store would take over. */
  async #refuseOldLayout(namespace: string): Promise<void> {
    const [old] = await this.#list({ prefix: new OldLayout(namespace).sessions() }, 1);
    if (old === undefined) return;
    throw new StoreError(
      "unavailable",
      `Deno KV has sessions of ${JSON.stringify(namespace)} in the layout of an earlier version: ` +
        "start that server once, which takes them over",
    );
  }

  async #list(
    selector: Deno.KvListSelector,
    limit: number,
  ): Promise<Deno.KvEntry<unknown>[]> {
    try {
      return await Array.fromAsync(this.#kv.list(selector, { limit }));
    } catch (error) {
      throw kvError(error);
    }
  }
}
