/** Promises of a commit by itself. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { At } from "../../../store/rows/rows.ts";
import {
  assertEmpty,
  commitOf,
  contents,
  count,
  lose,
  make,
  range,
  read,
  refuse,
  type RowsCase,
  textAt,
  versionAt,
} from "./rows_cases.ts";

const A: At = ["s", "a"];
const B: At = ["s", "b"];

export const commitCases: readonly RowsCase[] = [{
  name: "a commit tells the version of the rows that it set, another one each time",
  async test(open) {
    const rows = await open();
    const first = await make(rows, { sets: [[A, "1"], [B, "1"]] });
    assertEquals(await versionAt(rows, A), first);
    assertEquals(await versionAt(rows, B), first);
    const second = await make(rows, { sets: [[A, "1"]] });
    assertNotEquals(second, first);
    assertEquals(await versionAt(rows, A), second);
    assertEquals(await versionAt(rows, B), first);
    const { page } = await read(rows, { page: { part: "s", limit: 9 } });
    assertEquals(page.map(([, { version }]) => version), [second, first]);
    await make(rows, { deletes: [A] });
    const third = await make(rows, { sets: [[A, "1"]] });
    assert(![first, second].includes(third));
  },
}, {
  name: "a check of a version holds for that version alone",
  async test(open) {
    const rows = await open();
    const first = await make(rows, { sets: [[A, "1"]] });
    const second = await make(rows, { checks: [[A, first]], sets: [[A, "2"]] });
    await lose(rows, { checks: [[A, first]], sets: [[A, "3"]] });
    assertEquals(await textAt(rows, A), "2");
    await make(rows, { checks: [[A, second]], sets: [[B, "4"]] });
    await make(rows, { deletes: [A] });
    await lose(rows, { checks: [[A, second]], sets: [[A, "5"]] });
    await lose(rows, { checks: [[["s", "never"], second]], sets: [[A, "6"]] });
    assertEquals(await contents(rows, "s"), [["b", "4"]]);
  },
}, {
  name: "a check of absence holds until the row is set, and again when it is deleted",
  async test(open) {
    const rows = await open();
    await make(rows, { checks: [[A, null]], sets: [[A, "1"]] });
    await lose(rows, { checks: [[A, null]], sets: [[A, "2"]] });
    await make(rows, { checks: [[B, null]], deletes: [A] });
    await make(rows, { checks: [[A, null], [B, null]], sets: [[A, "3"]] });
    assertEquals(await contents(rows, "s"), [["a", "3"]]);
  },
}, {
  name: "one of eight checks that fails is enough, whichever it is",
  async test(open) {
    const rows = await open();
    const places = range(8, (index): At => ["s", `${index}`]);
    const version = await make(rows, { sets: places.slice(4).map((at) => [at, "1"]) });
    const checks = places.map((at, index) => [at, index < 4 ? null : version] as const);
    for (const failing of places.keys()) {
      const [at] = checks[failing]!;
      const wrong = checks.with(failing, [at, failing < 4 ? version : null]);
      await lose(rows, { checks: wrong, sets: [[["s", "new"], "x"]] });
    }
    assertEquals(await textAt(rows, ["s", "new"]), undefined);
    await make(rows, { checks, sets: [[["s", "new"], "x"]] });
    assertEquals(await textAt(rows, ["s", "new"]), "x");
  },
}, {
  name: "a lost commit does nothing at all",
  async test(open) {
    const rows = await open();
    const version = await make(rows, {
      sets: [[A, "1"], [B, "1"], [["v1", "k"], "1"]],
      counts: [{ name: "c", by: 5 }],
    });
    const snapshot = await lose(rows, {
      checks: [[B, version], [A, null]],
      sets: [[A, "2"], [["s", "c"], "2"]],
      deletes: [B],
      counts: [{ name: "c", by: 1 }, { name: "d", by: 1 }],
      drop: "v1",
      copy: { from: "v1", to: "v2" },
    });
    assertEquals(snapshot, { at: [], page: [], counts: [] });
    assertEquals(await contents(rows, "s"), [["a", "1"], ["b", "1"]]);
    assertEquals(await contents(rows, "v1"), [["k", "1"]]);
    await assertEmpty(rows, "v2");
    assertEquals((await read(rows, { counts: ["c", "d"] })).counts, [5, 0]);
  },
}, {
  name: "a lost commit gives what its orElse wants, as it is now",
  async test(open) {
    const rows = await open();
    await make(rows, { sets: [[A, "1"]] });
    const version = await make(rows, {
      sets: [[A, "2"], [["v", "a"], "3"], [["v", "b"], "4"], [["v", "ba"], "5"]],
      counts: [{ name: "c", by: 7 }],
    });
    const orElse = {
      at: [A, B, ["v", "b"]],
      page: { part: "v", prefix: "b", limit: 9 },
      counts: ["c", "d"],
    } as const;
    const snapshot = await lose(rows, { checks: [[A, "none such"]], sets: [[A, "6"]], orElse });
    assertEquals(snapshot, {
      at: [{ text: "2", version }, undefined, { text: "4", version }],
      page: [["b", { text: "4", version }], ["ba", { text: "5", version }]],
      counts: [7, 0],
    });
    assertEquals(snapshot, await read(rows, orElse));
    await make(rows, { checks: [[A, snapshot.at[0]!.version]], sets: [[A, "6"]], orElse });
  },
}, {
  name: "sets and deletes of one commit are made together, and what is missing can be deleted",
  async test(open) {
    const rows = await open();
    await make(rows, { sets: [[A, "1"], [["v", "x"], "1"]] });
    const committed = await rows.commit(commitOf({
      sets: [[B, "2"], [["i", "b"], "2"]],
      deletes: [A, ["v", "x"], ["s", "never"]],
    }));
    assertEquals(committed.kind, "made");
    assertEquals(await contents(rows, "s"), [["b", "2"]]);
    assertEquals(await contents(rows, "i"), [["b", "2"]]);
    await assertEmpty(rows, "v");
  },
}, {
  name: "a commit takes 500 rows and 600 KiB, and one that only checks is made too",
  async test(open) {
    const rows = await open();
    const text = JSON.stringify("x".repeat(1_100));
    const places = range(500, (index): At => ["v", `key-${index}`]);
    const version = await make(rows, { sets: places.map((at) => [at, text]) });
    const { page } = await read(rows, { page: { part: "v", limit: 1_000 } });
    assertEquals(page.length, 500);
    assert(page.every(([, row]) => row.text === text && row.version === version));
    await make(rows, { checks: [[places[0]!, version]] });
    await make(rows, {});
    await make(rows, { deletes: places, durable: false });
    await assertEmpty(rows, "v");
  },
}, {
  name: "counters add up, go down, and are gone at 0",
  async test(open) {
    const rows = await open();
    await make(rows, { counts: [{ name: "c", by: 5 }, { name: "d", by: 2 ** 40 }] });
    await make(rows, { counts: [{ name: "c", by: -3 }, { name: "d", by: -1 }] });
    assertEquals((await read(rows, { counts: ["c", "d"] })).counts, [2, 2 ** 40 - 1]);
    await make(rows, { counts: [{ name: "c", by: -2 }, { name: "d", by: 0 }] });
    assertEquals((await read(rows, { counts: ["c", "d"] })).counts, [0, 2 ** 40 - 1]);
    await make(rows, { counts: [{ name: "c", by: 1, most: 1 }] });
    assertEquals(await count(rows, "c"), 1);
  },
}, {
  name: "a counter that would grow past its most refuses the whole commit",
  async test(open) {
    const rows = await open();
    await make(rows, {
      counts: [{ name: "c", by: 3, most: 3 }],
      sets: [[A, "1"], [["v1", "k"], "1"]],
    });
    const refused = await refuse(rows, {
      checks: [[B, null]],
      sets: [[A, "2"], [B, "2"]],
      deletes: [["v1", "k"]],
      counts: [{ name: "other", by: 1 }, { name: "c", by: 1, most: 3 }],
      copy: { from: "v1", to: "v2" },
    });
    assertEquals(refused, "c");
    assertEquals(await contents(rows, "s"), [["a", "1"]]);
    assertEquals(await contents(rows, "v1"), [["k", "1"]]);
    await assertEmpty(rows, "v2");
    assertEquals((await read(rows, { counts: ["c", "other"] })).counts, [3, 0]);
    assertEquals(await refuse(rows, { counts: [{ name: "new", by: 1, most: 0 }] }), "new");
    await make(rows, { counts: [{ name: "c", by: 1 }] });
    await make(rows, { counts: [{ name: "c", by: 1, most: 5 }] });
    assertEquals(await count(rows, "c"), 5);
  },
}, {
  name: "the first full counter of a commit is named",
  async test(open) {
    const rows = await open();
    const full = (names: string) => [...names].map((name) => ({ name, by: 1, most: 0 }));
    const fits = { name: "fits", by: 1, most: 1 };
    assertEquals(await refuse(rows, { counts: [fits, ...full("ba")] }), "b");
    assertEquals(await refuse(rows, { counts: [...full("ab"), fits] }), "a");
    assertEquals(await count(rows, "fits"), 0);
  },
}, {
  name: "a counter past its most can be made less: it does not grow by that",
  async test(open) {
    const rows = await open();
    await make(rows, { counts: [{ name: "c", by: 10 }] });
    await make(rows, { counts: [{ name: "c", by: -1, most: 5 }] });
    await make(rows, { counts: [{ name: "c", by: 0, most: 5 }] });
    assertEquals(await refuse(rows, { counts: [{ name: "c", by: 1, most: 5 }] }), "c");
    assertEquals(await count(rows, "c"), 9);
  },
}, {
  name: "a drop takes a part, and no other's rows",
  async test(open) {
    const rows = await open();
    const others = ["v", "v1", "v12\0", "v12 ", "v123", "V12", "s"];
    const sets = ["v12", ...others].map((part) => [[part, "k"], part] as const);
    const version = await make(rows, { sets });
    await make(rows, {
      checks: [[["s", "k"], version]],
      drop: "v12",
      counts: [{ name: "c", by: 1 }],
      sets: [[["s", "l"], "1"]],
    });
    for (const part of others.slice(0, -1)) assertEquals(await contents(rows, part), [["k", part]]);
    assertEquals(await contents(rows, "s"), [["k", "s"], ["l", "1"]]);
    assertEquals(await count(rows, "c"), 1);
    await make(rows, { drop: "never" });
  },
}, {
  name: "a large part can be dropped",
  async test(open) {
    const rows = await open();
    for (const from of [0, 500, 1_000]) {
      const sets = range(500, (index) => [["v1", `key-${from + index}`], "1"] as const);
      await make(rows, { sets, durable: false });
    }
    await make(rows, { sets: [[A, "1"]] });
    await make(rows, { drop: "v1", deletes: [A] });
    await assertEmpty(rows, "s");
  },
}, {
  name: "a copy has a part's rows of the moment of its commit, and the two are apart",
  async test(open) {
    const rows = await open();
    const names = ["", "\0", "a", "\ufeff", "\uffff", "😀"];
    await make(rows, { sets: names.map((name, index) => [["v1", name], `${index}`]) });
    await make(rows, { sets: [[["v1", "a"], "later"], [["v12", "a"], "other"]] });
    const before = await contents(rows, "v1");
    const version = await make(rows, {
      checks: [[B, null]],
      sets: [[B, "1"]],
      copy: { from: "v1", to: "v2" },
    });
    assertEquals(await versionAt(rows, B), version);
    assertEquals(await contents(rows, "v1"), before);
    assertEquals(await contents(rows, "v2"), before);
    const copied = await versionAt(rows, ["v2", "a"]);
    await make(rows, { checks: [[["v2", "a"], copied]], sets: [[["v2", "a"], "new"]] });
    await make(rows, { sets: [[["v1", "b"], "new"]], deletes: [["v1", ""]] });
    assertEquals(await textAt(rows, ["v1", "a"]), "later");
    assertEquals(await textAt(rows, ["v2", ""]), "0");
    assertEquals(await textAt(rows, ["v2", "b"]), undefined);
    await make(rows, { drop: "v1" });
    assertEquals((await contents(rows, "v2")).length, names.length);
    await make(rows, { copy: { from: "v none", to: "v3" } });
    await assertEmpty(rows, "v3");
  },
}, {
  name: "a copy takes more rows than a commit may set",
  async test(open) {
    const rows = await open();
    for (const from of [0, 500, 1_000]) {
      const sets = range(500, (index) => [["v1", `key-${from + index}`], `${index}`] as const);
      await make(rows, { sets, durable: false });
    }
    await make(rows, { copy: { from: "v1", to: "v2" } });
    assertEquals(await contents(rows, "v2"), await contents(rows, "v1"));
  },
}, {
  name: "a copy whose commit lost is not there, and holds what is there when it is tried again",
  async test(open) {
    const rows = await open();
    const version = await make(rows, {
      sets: [[A, "1"], [["v1", "a"], "1"], [["v1", "b"], "1"]],
    });
    const copy = { from: "v1", to: "v2" };
    const changed = await make(rows, { sets: [[A, "2"]], deletes: [["v1", "a"]] });
    await lose(rows, { checks: [[A, version]], copy });
    await assertEmpty(rows, "v2");
    await make(rows, { checks: [[A, changed]], copy });
    assertEquals(await contents(rows, "v2"), [["b", "1"]]);
  },
}];
