import { assert, assertEquals } from "@std/assert";
import { toHex } from "../../runtime/bytes.ts";
import { all, type Case, listOf, pages, put, record } from "./cases.ts";

/** Cases of names and keys in which a backend may see more than text. */
export const namesCases: Case[] = [];
const add = listOf(namesCases);

/** The first and last characters of each length in UTF-8, and others that are often special. */
const CHARACTERS = [
  ..."\0\x01a\x7f\x80éߐ\u07ff\u0800\ud7ff\ue000\ufeff\uffff😀\u{10ffff}",
];

/** The order of the contract, by bytes. */
function byBytes(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => toHex(new TextEncoder().encode(text)));
  return left! < right! ? -1 : 1;
}

const KEYS = [
  ...CHARACTERS.flatMap((a) => [a, ...CHARACTERS.flatMap((b) => [a + b, `a${a}${b}`])]),
].filter((key, index, keys) => keys.indexOf(key) === index).sort(byBytes);

add(
  "keys with NUL, U+FEFF and the last planes are in byte order in all pages",
  async ({ store }) => {
    await store.create(record("sess-1"));
    const shuffled = KEYS.map((key, i) => [key, (i * 7919) % KEYS.length] as const)
      .sort(([, a], [, b]) => a - b);
    for (let i = 0; i < KEYS.length; i += 150) {
      await put(store, "sess-1", ...shuffled.slice(i, i + 150));
    }
    for (const limit of [13, 100, KEYS.length, KEYS.length + 1]) {
      const seen: string[] = [];
      for await (const page of pages(store, "sess-1", limit)) seen.push(...page);
      assertEquals(seen, KEYS, `pages of ${limit}`);
    }
    for (const prefix of CHARACTERS) {
      const seen: string[] = [];
      for await (const page of pages(store, "sess-1", 10, prefix)) seen.push(...page);
      assertEquals(seen, KEYS.filter((key) => key.startsWith(prefix)), JSON.stringify(prefix));
    }
  },
);

add("entries() begins after a key, whether there is one of this name or not", async ({ store }) => {
  await store.create(record("sess-1"));
  const here = KEYS.filter((_, i) => i % 3 === 0);
  for (let i = 0; i < here.length; i += 150) {
    await put(store, "sess-1", ...here.slice(i, i + 150).map((key) => [key, i] as const));
  }
  for (const after of KEYS.filter((_, i) => i % 4 === 0)) {
    const page = await store.entries("sess-1", { after, limit: 2 });
    const next = here.filter((key) => key !== after && byBytes(after, key) < 0).slice(0, 2);
    assertEquals(page?.map(([key]) => key), next, `after ${JSON.stringify(after)}`);
  }
});

add("keys with odd characters are read, written and deleted apart", async ({ store }) => {
  await store.create(record("sess-1"));
  const keys = KEYS.filter((_, i) => i % 2 === 0);
  await put(store, "sess-1", ...keys.map((key, i) => [key, i] as const));
  const read = await store.transact("sess-1", {
    keys: KEYS.slice(0, 500),
    update: (state) => ({
      value: [...state],
      set: keys.filter((_, i) => i % 2 === 0).map((key) => [key, undefined]),
    }),
  });
  const among = keys.filter((key) => KEYS.indexOf(key) < 500);
  assertEquals(new Map(read?.value), new Map(among.map((key, i) => [key, i])));
  const left = keys.map((key, i): [string, number] => [key, i]).filter((_, i) => i % 2 === 1);
  assertEquals(await all(store, "sess-1"), left);
});

const ODD_NAMES = [
  ...["a", "A", "á", "a\u0301", "a:b", "a:b:c", ":a", "a:", ":", "::", "{a}", "{}", "{", "}"],
  ...["a b", " a", "a ", " ", "'", "''", '"', '"a"', "`", "\\", "\\0", "\\x00", "$1", "$$", "?"],
  ...["\0", "a\0", "\0a", "a\0b", "\0\0", "%", "%00", "%3A", "%s", "*", "a*", "[a]", "_", "__"],
  ...["\ufeff", "\ufeffa", "a\ufeff", "null", "undefined", "\n", "\r\n", "\t", "\x7f", "--", ";"],
  ...[
    "\uffff",
    "😀",
    "\u{10ffff}",
    "a/b",
    "a/../a",
    ".",
    "..",
    "0",
    "00",
    "1e0",
    "true",
    "s",
    "o:a",
  ],
];

add("sessions whose names have odd characters stay apart", async ({ store }) => {
  const session = (name: string, toolCalls = 0) =>
    record(name, { stateId: `s${name}`, owner: name, alias: name, toolCalls });
  for (const [i, name] of ODD_NAMES.entries()) {
    assertEquals(await store.create(session(name, i)), session(name, i), JSON.stringify(name));
    await put(store, name, ["key", name]);
  }
  // Half of them go, a few under another name first.
  for (const [i, name] of ODD_NAMES.entries()) {
    if (i % 2 === 0) continue;
    if (i % 5 === 0) assert(await store.regenerate(name, `${name}'`));
    assertEquals(await store.delete(i % 5 === 0 ? `${name}'` : name), true);
  }
  for (const [i, name] of ODD_NAMES.entries()) {
    const here = i % 2 === 0 ? session(name, i) : undefined;
    const listed = here === undefined ? [] : [here];
    assertEquals(await store.get(name), here, JSON.stringify(name));
    assertEquals(await store.get({ owner: name, alias: name }), here, JSON.stringify(name));
    assertEquals(await store.list({ owner: name, limit: 9 }), listed, JSON.stringify(name));
    assertEquals(await all(store, name), here && [["key", name]], JSON.stringify(name));
  }
});

/** Pairs that are the same when they are joined, by one of the characters in them or by nothing. */
const PAIRS: readonly (readonly [owner: string | null, alias: string])[] = [
  ...[":", "\0", " ", "/", "%", "{", "}", "*", '","', "\ufeff"].flatMap((sign) => [
    [`a${sign}b`, "c"] as const,
    ["a", `b${sign}c`] as const,
    [`a${sign}`, `${sign}c`] as const,
    [`a${sign}${sign}`, "c"] as const,
    [sign, sign] as const,
    [sign + sign, sign] as const,
    [sign, sign + sign] as const,
    [null, sign] as const,
    [null, `a${sign}c`] as const,
  ]),
  [null, "null"],
  ["null", "null"],
  ["a", "bc"],
  ["ab", "c"],
  [null, "abc"],
];

add("an owner and an alias are two names, however they are joined", async ({ store }) => {
  for (const [i, [owner, alias]] of PAIRS.entries()) {
    const session = record(`sess-${i}`, { owner, alias });
    assertEquals(await store.create(session), session, JSON.stringify([owner, alias]));
  }
  for (const [i, [owner, alias]] of PAIRS.entries()) {
    assertEquals((await store.get({ owner, alias }))?.id, `sess-${i}`);
    const own = PAIRS.filter((pair) => pair[0] === owner).map((pair) => pair[1]).sort();
    const listed = await store.list({ owner, limit: 999 });
    assertEquals(listed.map((each) => each.alias).sort(), own, JSON.stringify(owner));
  }
  for (const i of PAIRS.keys()) if (i % 2 === 0) await store.delete(`sess-${i}`);
  for (const [i, [owner, alias]] of PAIRS.entries()) {
    assertEquals((await store.get({ owner, alias }))?.id, i % 2 === 0 ? undefined : `sess-${i}`);
  }
});

add(
  "servers whose names have odd characters don't see each other's sessions",
  async ({ another }) => {
    const names = [
      ...["a", "A", "a:", ":a", "a:b", "{a}", "a}", "a*", "?", "a ", " a", "'", '"', "\\", "\0"],
      ...["a\0", "%", "a%", "_", "a/b", "..", "\ufeff", "é", "😀"],
    ];
    const stores = [];
    for (const name of names) stores.push([name, await another(name)] as const);
    for (const [name, store] of stores) {
      const session = record("sess-1", { owner: "alice", alias: "work", data: { name } });
      assertEquals(await store.create(session), session, JSON.stringify(name));
      await put(store, "sess-1", ["key", name]);
    }
    for (const [i, [name, store]] of stores.entries()) {
      const found = await store.get({ owner: "alice", alias: "work" });
      assertEquals(found?.data.name, name);
      assertEquals(await store.list({ owner: "alice", limit: 9 }), [found!]);
      assertEquals(await all(store, "sess-1"), [["key", name]]);
      if (i % 2 === 0) assertEquals(await store.delete("sess-1"), true);
    }
    for (const [i, [name, store]] of stores.entries()) {
      assertEquals((await store.get("sess-1"))?.data.name, i % 2 === 0 ? undefined : name);
    }
  },
);
