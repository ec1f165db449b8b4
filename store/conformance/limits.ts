import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  type Json,
  MAX_KEY_BYTES,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  MAX_VALUE_BYTES,
  type SessionRecord,
  type StateTransaction,
} from "../mod.ts";
import { all, type Case, listOf, other, put, record } from "./cases.ts";

export const limitsCases: Case[] = [];
const add = listOf(limitsCases);

add("the largest key, value and transaction fit", async ({ store }) => {
  await store.create(record("sess-1", { stateId: "x".repeat(52) }));
  for (const char of ["k", "\0", "é", "😀"]) {
    const key = char.repeat(MAX_KEY_BYTES / new TextEncoder().encode(char).length);
    await put(store, "sess-1", [key, "x".repeat(MAX_VALUE_BYTES - 2)]);
    assertEquals((await store.entries("sess-1", { after: key.slice(0, -2), limit: 1 }))?.length, 1);
    await put(store, "sess-1", [key, undefined]);
  }
  const keyBytes = Math.floor(MAX_TRANSACTION_KEY_BYTES / MAX_TRANSACTION_KEYS);
  const valueBytes = Math.floor(MAX_TRANSACTION_BYTES / MAX_TRANSACTION_KEYS) - keyBytes;
  const writes = Array.from(
    { length: MAX_TRANSACTION_KEYS },
    (_, i) => [String(i).padStart(keyBytes, "k"), "x".repeat(valueBytes - 2)] as const,
  );
  await put(store, "sess-1", ...writes);
  const read = await store.transact("sess-1", {
    keys: writes.map(([key]) => key),
    update: (state) => ({
      value: state.size,
      set: [...state.keys()].map((key) => [key, undefined]),
    }),
  });
  assertEquals(read?.value, MAX_TRANSACTION_KEYS);
  assertEquals(await all(store, "sess-1"), []);
});

add("a key, value or record past the limits is refused with the same error", async ({ store }) => {
  await store.create(record("sess-1"));
  const many = Array.from({ length: MAX_TRANSACTION_KEYS + 1 }, (_, i) => String(i));
  const write = (key: string, value: Json) => put(store, "sess-1", [key, value]);
  const create = (rest: Partial<SessionRecord>) => store.create(record("a", rest));
  const use = (rest: Partial<StateTransaction<number>>) =>
    store.transact("sess-1", { ...rest, update: () => ({ value: 0 }) });
  const writeAll = (keys: string[], value: Json | undefined) =>
    put(store, "sess-1", ...keys.map((key) => [key, value] as const));
  const longKeys = many.slice(0, 30).map((key) => key.padStart(1000));
  const cases: [typeof RangeError | typeof TypeError, RegExp, () => Promise<unknown>][] = [
    [RangeError, /at most 1024 bytes.*it has 1026/, () => write("é".repeat(513), 1)],
    [RangeError, /at most 1024 bytes/, () => use({ keys: ["x".repeat(1025)] })],
    [TypeError, /lone surrogate/, () => write("\ud800", 1)],
    [TypeError, /lone surrogate/, () => use({ keys: ["\udc00x"] })],
    [TypeError, /lone surrogate/, () => write("a", { deep: ["\udfff"] })],
    [TypeError, /lone surrogate/, () => store.entries("sess-1", { prefix: "\ud83d", limit: 1 })],
    [RangeError, /at most 61440 bytes.*it has 61441/, () => write("a", "x".repeat(61439))],
    [RangeError, /at most 500 keys.*501/, () => use({ keys: many })],
    [RangeError, /at most 500 keys.*501/, () => writeAll(many, 1)],
    [RangeError, /at most 524288 bytes/, () => writeAll(many.slice(0, 9), "x".repeat(60_000))],
    [RangeError, /keys of at most 24576 bytes/, () => writeAll(longKeys, undefined)],
    [RangeError, /calls.*-1/, () => use({ calls: -1 })],
    [RangeError, /calls.*NaN/, () => use({ calls: NaN })],
    [RangeError, /expiresAt.*NaN/, () => use({ expiresAt: NaN })],
    [RangeError, /limit.*1\.5/, () => store.list({ owner: null, limit: 1.5 })],
    [RangeError, /limit.*-1/, () => store.entries("sess-1", { limit: -1 })],
    [RangeError, /id must have 1 to 256 bytes/, () => create({ id: "x".repeat(257) })],
    [RangeError, /stateId must have 1 to 52/, () => create({ stateId: "" })],
    [RangeError, /owner must have 1 to 1024/, () => create({ owner: "é".repeat(513) })],
    [RangeError, /alias must have 1 to 512/, () => create({ alias: "x".repeat(513) })],
    [TypeError, /well-formed/, () => create({ owner: "\ud800" })],
    [TypeError, /well-formed/, () => create({ data: { a: "\ud800" } })],
    [RangeError, /at most 61440/, () => create({ data: { a: "x".repeat(62_000) } })],
    [RangeError, /expiresAt/, () => create({ expiresAt: Infinity })],
    [RangeError, /ttlMs.*NaN/, () => create({ ttlMs: NaN })],
    [RangeError, /endsAt.*NaN/, () => create({ endsAt: NaN })],
    [RangeError, /toolCalls.*0\.5/, () => create({ toolCalls: 0.5 })],
    [TypeError, /data/, () => create({ data: other(new Map([["a", "b"]])) })],
    [TypeError, /data/, () => create({ data: other({ a: undefined }) })],
  ];
  for (const [kind, message, call] of cases) {
    const error = await assertRejects(call, Error, undefined, String(message));
    assertInstanceOf(error, kind, `${message}: ${error}`);
    assert(message.test(error.message), `${message}: ${error.message}`);
  }
  assertEquals(await store.get("sess-1"), record("sess-1"));
  assertEquals(await all(store, "sess-1"), []);
});
