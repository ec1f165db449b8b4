/**
 * Cases of limits, and of arguments past them.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  type Json,
  MAX_KEY_BYTES,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  MAX_VALUE_BYTES,
} from "../mod.ts";
import { all, type Case, listOf, other, put, record } from "./cases.ts";

/** Cases of limits, and of arguments past them. */
export const limitsCases: Case[] = [];
const add = listOf(limitsCases);

add("the largest key, value and transaction fit", async ({ store }) => {
  const name = "x".repeat(52);
  await store.create(record("sess-1", { stateId: name }));
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
  const read = (...keys: string[]) =>
    store.transact("sess-1", { keys, update: () => ({ value: 0 }) });
  const write = (key: string, value: unknown) => put(store, "sess-1", [key, value as Json]);
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const cases: [typeof RangeError | typeof TypeError, RegExp, () => Promise<unknown>][] = [
    [RangeError, /at most 1024 bytes.*it has 1026/, () => write("é".repeat(513), 1)],
    [RangeError, /at most 1024 bytes/, () => read("x".repeat(1025))],
    [TypeError, /lone surrogate/, () => write("\ud800", 1)],
    [TypeError, /lone surrogate/, () => read("\udc00x")],
    [TypeError, /lone surrogate/, () => write("a", { deep: ["\udfff"] })],
    [TypeError, /lone surrogate/, () => store.entries("sess-1", { prefix: "\ud83d", limit: 1 })],
    [TypeError, /must be JSON.*function/, () => write("a", () => 1)],
    [TypeError, /must be JSON.*symbol/, () => write("a", Symbol("a"))],
    [TypeError, /must be JSON.*bigint/, () => write("a", 1n)],
    [TypeError, /circular/, () => write("a", cycle)],
    [RangeError, /at most 61440 bytes.*it has 61441/, () => write("a", "x".repeat(61439))],
    [RangeError, /at most 500 keys.*501/, () => read(...many)],
    [
      RangeError,
      /at most 500 keys.*501/,
      () => put(store, "sess-1", ...many.map((k) => [k, 1] as const)),
    ],
    [
      RangeError,
      /at most 524288 bytes/,
      () => put(store, "sess-1", ...many.slice(0, 9).map((k) => [k, "x".repeat(60_000)] as const)),
    ],
    [
      RangeError,
      /keys of at most 24576 bytes/,
      () =>
        put(
          store,
          "sess-1",
          ...many.slice(0, 30).map((k) => [k.padStart(1000), undefined] as const),
        ),
    ],
    [
      RangeError,
      /calls.*-1/,
      () => store.transact("sess-1", { calls: -1, update: () => ({ value: 0 }) }),
    ],
    [
      RangeError,
      /expiresAt.*NaN/,
      () => store.transact("sess-1", { expiresAt: NaN, update: () => ({ value: 0 }) }),
    ],
    [RangeError, /limit.*1\.5/, () => store.list({ owner: null, limit: 1.5 })],
    [RangeError, /limit.*-1/, () => store.entries("sess-1", { limit: -1 })],
    [RangeError, /id must have 1 to 256 bytes/, () => store.create(record("x".repeat(257)))],
    [RangeError, /stateId must have 1 to 52/, () => store.create(record("a", { stateId: "" }))],
    [
      RangeError,
      /owner must have 1 to 1024/,
      () => store.create(record("a", { owner: "é".repeat(513) })),
    ],
    [
      RangeError,
      /alias must have 1 to 512/,
      () => store.create(record("a", { alias: "x".repeat(513) })),
    ],
    [TypeError, /well-formed/, () => store.create(record("a", { owner: "\ud800" }))],
    [TypeError, /well-formed/, () => store.create(record("a", { data: { a: "\ud800" } }))],
    [
      RangeError,
      /at most 61440/,
      () => store.create(record("a", { data: { a: "x".repeat(62_000) } })),
    ],
    [RangeError, /expiresAt/, () => store.create(record("a", { expiresAt: Infinity }))],
    [RangeError, /ttlMs.*NaN/, () => store.create(record("a", { ttlMs: NaN }))],
    [RangeError, /endsAt.*NaN/, () => store.create(record("a", { endsAt: NaN }))],
    [RangeError, /toolCalls.*0\.5/, () => store.create(record("a", { toolCalls: 0.5 }))],
    [TypeError, /data/, () => store.create(record("a", { data: other(new Map([["a", "b"]])) }))],
    [TypeError, /data/, () => store.create(record("a", { data: other({ a: undefined }) }))],
    [
      RangeError,
      /calls.*NaN/,
      () => store.transact("sess-1", { calls: NaN, update: () => ({ value: 0 }) }),
    ],
  ];
  for (const [kind, message, call] of cases) {
    const error = await assertRejects(call, Error, undefined, String(message));
    assertInstanceOf(error, kind, `${message}: ${error}`);
    assert(message.test(error.message), `${message}: ${error.message}`);
  }
  assertEquals(await store.get("sess-1"), record("sess-1"));
  assertEquals(await all(store, "sess-1"), []);
});
