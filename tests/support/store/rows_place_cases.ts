/** Promises of the place that rows are in: other rows there, namespaces, closing. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { At } from "../../../store/rows/rows.ts";
import { StoreError } from "../../../store/mod.ts";
import {
  commit,
  commitOf,
  contents,
  count,
  make,
  range,
  read,
  type RowsCase,
  textAt,
} from "./rows_cases.ts";

const A: At = ["s", "a"];

export const placeCases: readonly RowsCase[] = [{
  name: "checkWritable() changes nothing, and is refused by closed rows",
  async test(open) {
    const [one, other] = [await open(), await open()];
    await make(one, { sets: [[A, "1"]], counts: [{ name: "c", by: 1 }] });
    const all = { at: [A], page: { part: "s", limit: 9 }, counts: ["c"] };
    const before = await read(one, all);
    await Promise.all([one, other, one].map((rows) => rows.checkWritable()));
    assertEquals(await read(other, all), before);
    await one.close();
    await assertRejects(() => one.checkWritable(), StoreError);
    await other.checkWritable();
  },
}, {
  name: "what was committed by one is seen by another in the same place, at once",
  async test(open) {
    const [one, other] = [await open(), await open()];
    for (let i = 0; i < 40; i++) {
      const [writer, reader] = i % 10 < 5 ? [one, other] : [other, one];
      const version = await make(writer, {
        sets: [[A, `${i}`]],
        counts: [{ name: "c", by: 1 }],
        durable: i % 3 !== 0,
      });
      const snapshot = await read(reader, {
        at: [A],
        page: { part: "s", limit: 9 },
        counts: ["c"],
      });
      const row = { text: `${i}`, version };
      assertEquals(snapshot, { at: [row], page: [["a", row]], counts: [i + 1] });
    }
    await make(one, { deletes: [A] });
    assertEquals(await textAt(other, A), undefined);
  },
}, {
  name: "two that add to one row by its version lose nothing of each other",
  async test(open) {
    const both = [await open(), await open()];
    await make(both[0]!, { sets: [[A, "0"]] });
    await Promise.all(both.map(async (rows) => {
      let [row] = (await read(rows, { at: [A] })).at;
      for (let done = 0, tries = 1; done < 25; tries++) {
        assert(tries < 1_000, "Nearly each try is lost");
        const committed = await commit(rows, {
          checks: [[A, row!.version]],
          sets: [[A, `${Number(row!.text) + 1}`]],
          orElse: { at: [A] },
        });
        assert(committed.kind !== "full");
        if (committed.kind === "lost") {
          row = committed.snapshot.at[0];
        } else {
          done++;
          row = { text: `${Number(row!.text) + 1}`, version: committed.version };
        }
      }
    }));
    for (const rows of both) assertEquals(await textAt(rows, A), "50");
  },
}, {
  name: "namespaces are apart, also one that another begins with, and with signs in it",
  async test(open) {
    const namespaces = [
      "a",
      "ab",
      "a:",
      "a:b",
      "a:s",
      "{a}",
      "{a}:b",
      "a}",
      "{",
      "a b",
      "a/b",
      "a\0",
      "a\0b",
      "a'",
      "a%",
      "a_",
      "A",
      "é",
      "e\u0301",
      "*",
      "n".repeat(48),
      `${"n".repeat(47)}m`,
    ];
    const all = [];
    for (const name of namespaces) all.push([name, await open(name)] as const);
    const part = "o{x}:y";
    for (const [name, rows] of all) {
      await make(rows, {
        checks: [[A, null], [["b:s", "a"], null], [[part, "a"], null]],
        sets: [[A, name], [["b:s", "a"], name], [[part, "a"], name], [["v1", "k"], name]],
        counts: [{ name: "sessions", by: 1, most: 1 }, { name: "owner x:y", by: name.length }],
      });
    }
    for (const [name, rows] of all) {
      assertEquals(await contents(rows, "s"), [["a", name]]);
      assertEquals(await contents(rows, "b:s"), [["a", name]]);
      assertEquals(await contents(rows, part), [["a", name]]);
      const { counts } = await read(rows, { counts: ["sessions", "owner x:y"] });
      assertEquals(counts, [1, name.length]);
    }
    await make(all[0]![1], { drop: "v1", deletes: [A, [part, "a"]] });
    for (const [name, rows] of all.slice(1)) {
      assertEquals(await textAt(rows, ["v1", "k"]), name);
      assertEquals(await textAt(rows, A), name);
    }
  },
}, {
  name: "closing finishes what was accepted",
  async test(open) {
    const [rows, other] = [await open(), await open()];
    await make(rows, { sets: [[A, "1"]] });
    const commits = range(
      300,
      (index) => commit(rows, { sets: [[["v", `${index}`], "x"]], counts: [{ name: "c", by: 1 }] }),
    );
    const reads = range(20, () => read(rows, { at: [A] }));
    const closed = rows.close();
    const outcomes = await Promise.all(commits);
    assert(outcomes.every(({ kind }) => kind === "made"));
    assert((await Promise.all(reads)).every(({ at }) => at[0]?.text === "1"));
    await closed;
    assertEquals((await contents(other, "v")).length, 300);
    assertEquals(await count(other, "c"), 300);
  },
}, {
  name: "operations after close are refused as closed, and closing twice is harmless",
  async test(open) {
    const [rows, other] = [await open(), await open()];
    await make(rows, { sets: [[A, "1"]] });
    await Promise.all([rows.close(), rows.close()]);
    for (const late of [() => rows.read({ at: [A] }), () => rows.commit(commitOf({}))]) {
      const error = await assertRejects(late, StoreError);
      assertEquals(error.code, "closed");
    }
    await rows.close();
    assertEquals(await textAt(other, A), "1");
    await make(other, { sets: [[A, "2"]] });
    const again = await open();
    assertEquals(await textAt(again, A), "2");
  },
}];
