/**
 * What a small commit takes of a group.
 *
 * @module
 */

import type { At, Commit } from "../rows/rows.ts";
import { KEY_OVERHEAD_BYTES } from "./kv_batch.ts";
import type { KvCommit } from "./kv_groups.ts";
import type { KvWrites } from "./kv_parts.ts";

const MAX_KEYS = 40;
/** The most bytes of a character of a string. */
const MOST_BYTES = 3;

/** `undefined` if a commit is not small. The keys beside its rows are its own. */
export function smallOf(
  { checks, sets = [], deletes = [] }: Pick<Commit, "checks" | "sets" | "deletes">,
  writes: readonly KvWrites[],
): KvCommit["small"] {
  const rows: string[] = [];
  let [keys, keyBytes, valueBytes] = [0, 0, 0];
  const takeRow = (at: At) => {
    rows.push(at.join("\0"));
    keys++;
    keyBytes += KEY_OVERHEAD_BYTES + MOST_BYTES * (at[0].length + at[1].length);
  };
  const takeKey = (key: Deno.KvKey) => {
    keys++;
    keyBytes += KEY_OVERHEAD_BYTES;
    for (const part of key.slice(1)) {
      if (part instanceof Uint8Array) keyBytes += part.length;
      else if (typeof part === "string") keyBytes += MOST_BYTES * part.length;
    }
  };
  for (const [at] of checks) takeRow(at);
  for (const [at, text] of sets) {
    takeRow(at);
    valueBytes += MOST_BYTES * text.length;
  }
  for (const at of deletes) takeRow(at);
  for (const { checks = [], sets = [], deletes = [], sums = [] } of writes) {
    for (const { key } of checks) takeKey(key);
    for (const [key, value] of sets) {
      takeKey(key);
      if (value instanceof Uint8Array) valueBytes += value.length;
    }
    for (const key of deletes) takeKey(key);
    for (const [key] of sums) takeKey(key);
  }
  return keys > MAX_KEYS ? undefined : { rows, keys, keyBytes, valueBytes };
}
