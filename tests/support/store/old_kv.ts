/** A KV as the store before rows has left it, and what each session is to be afterwards. */

import { assertEquals } from "@std/assert";
import {
  INTERNAL_OWNER,
  type Json,
  type SessionRecord,
  type SessionStore,
} from "../../../store/mod.ts";
import { all, increment, put, record } from "./stores.ts";
// @ts-types="../../fixtures/store/kv_before_rows.d.ts"
import { KvStore as OldStore } from "../../fixtures/store/kv_before_rows.js";

export { OldStore };

const HOUR_MS = 60 * 60 * 1000;

/** A session and its state. */
export type Told = readonly [record: SessionRecord, state: [string, Json][] | undefined];

/** Names that a key of KV may take for others. */
const NAMES = ["work", "\0", "a\0b", "\ufeff", "é😀", "x".repeat(500)];

/** Fills a namespace by old code: `count` sessions, of all kinds. Some have expired by `now`. */
export async function fillOld(kv: Deno.Kv, namespace: string, count: number, now: number) {
  const clock = { now: now - 2 * HOUR_MS };
  await using store = new OldStore(kv, { namespace, now: () => clock.now });
  const ids = Array.from({ length: count }, (_, i) => `sess-${String(i).padStart(4, "0")}`);
  for (const [i, id] of ids.entries()) {
    const owner = [null, "alice", "o".repeat(1024), "b\0b", INTERNAL_OWNER][i % 5]!;
    const alias = i < 5 * NAMES.length ? NAMES[Math.floor(i / 5)]! : null;
    const expiresAt = now + (i % 7 === 3 ? -HOUR_MS : HOUR_MS);
    const endsAt = i % 4 === 0 ? now + 2 * HOUR_MS : null;
    await store.create(record(id, { owner, alias, expiresAt, endsAt, toolCalls: i % 3 }));
    for (let n = 0; n < i % 4; n++) await increment(store, id);
    if (i % 6 === 1) await put(store, id, ["\0", null], ["\ufeff", "\0"], ["a\0b", [1]], ["", ""]);
    // Bytes, or keys, for more than one commit.
    if (i % 25 === 9) await putMany(store, id, 24, "x".repeat(50_000));
    if (i % 25 === 10) await putMany(store, id, 1200, 1);
    if (i % 5 === 2) {
      await store.transact(id, { expiresAt: expiresAt + i, update: () => ({ value: 0 }) });
    }
  }
  const [gone, renamed, forked] = [ids.at(-1)!, ids.at(-2)!, ids.at(-3)!];
  await store.delete(gone);
  await store.regenerate(renamed, "sess-renamed");
  await store.fork(forked, record("sess-fork", { owner: "alice", expiresAt: now + HOUR_MS }));
  return [...ids.filter((id) => id !== gone && id !== renamed), "sess-renamed", "sess-fork"];
}

async function putMany(store: SessionStore, id: string, count: number, value: Json) {
  const keys = Array.from({ length: count }, (_, n) => `key ${n}`);
  const atOnce = value === 1 ? 400 : 8;
  for (let from = 0; from < count; from += atOnce) {
    await put(store, id, ...keys.slice(from, from + atOnce).map((key) => [key, value] as const));
  }
}

/** What a store tells of sessions, expired or not: its clock is set back for it. */
export async function tell(store: SessionStore, ids: readonly string[]): Promise<Told[]> {
  const told: Told[] = [];
  for (const id of ids) {
    const found = await store.get(id);
    if (found !== undefined) told.push([found, await all(store, id)]);
  }
  return told;
}

/** Asserts that a store finds all that is told in every way. */
export async function assertTold(store: SessionStore, told: readonly Told[]) {
  const owners = new Map<string | null, string[]>();
  for (const [record, state] of told) {
    const { id, owner, alias } = record;
    assertEquals(await store.get(id), record);
    assertEquals(await all(store, id), state, id.slice(0, 9));
    if (alias !== null) assertEquals((await store.get({ owner, alias }))?.id, id);
    owners.set(owner, [...owners.get(owner) ?? [], record.stateId]);
  }
  for (const [owner, stateIds] of owners) {
    const listed = await store.list({ owner, limit: 10_000 });
    assertEquals(listed.map(({ stateId }) => stateId), stateIds.toSorted());
  }
}

/** The second parts of the keys in a namespace. */
export async function kindsIn(kv: Deno.Kv, namespace: string): Promise<string[]> {
  const kinds = new Set<string>();
  for await (const { key } of kv.list({ prefix: [namespace] })) {
    kinds.add(typeof key[1] === "string" ? key[1] : "rows");
  }
  return [...kinds].sort();
}
