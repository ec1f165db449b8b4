/** Promises of commits that are made at once. */

import { assert, assertEquals } from "@std/assert";
import type { At } from "../../../store/rows/rows.ts";
import {
  commit,
  contents,
  count,
  kindsOf,
  make,
  range,
  read,
  type RowsCase,
  textAt,
} from "./rows_cases.ts";

const A: At = ["s", "a"];

export const batchCases: readonly RowsCase[] = [{
  name: "600 commits of different rows at once are all made",
  async test(open) {
    const rows = await open();
    const places = range(600, (index): At => ["s", `${index}`]);
    const versions = await Promise.all(
      places.map((at) => make(rows, { checks: [[at, null]], sets: [[at, at[1]]] })),
    );
    const again = await Promise.all(
      places.map((at, index) =>
        make(rows, { checks: [[at, versions[index]!]], sets: [[at, `${at[1]}!`]] })
      ),
    );
    const { at } = await read(rows, { at: places });
    assertEquals(at.map((row) => row?.text), places.map(([, name]) => `${name}!`));
    assertEquals(at.map((row) => row?.version), again);
  },
}, {
  name: "of many commits at once that expect one version, exactly one is made",
  async test(open) {
    const [one, other] = [await open(), await open()];
    let expected: string | null = null;
    for (let round = 0; round < 5; round++) {
      const all = await Promise.all(range(40, (index) =>
        commit(index % 2 === 0 ? one : other, {
          checks: [[A, expected]],
          sets: [[A, `${round}.${index}`], [["v", `${round}.${index}`], "x"]],
          counts: [{ name: "won", by: 1 }],
          orElse: { at: [A] },
        })));
      assertEquals(kindsOf(all), { made: 1, lost: 39, full: 0 });
      const winner = all.findIndex(({ kind }) => kind === "made");
      for (const each of all) {
        if (each.kind === "lost") assertEquals(each.snapshot.at[0]?.text, `${round}.${winner}`);
        if (each.kind === "made") expected = each.version;
      }
      assertEquals(await textAt(one, A), `${round}.${winner}`);
      assertEquals((await contents(other, "v")).length, round + 1);
    }
    assertEquals(await count(one, "won"), 5);
  },
}, {
  name: "a lost race costs only its own commit, not those of the same moment",
  async test(open) {
    const rows = await open();
    const version = await make(rows, { sets: [[A, "1"]] });
    const all = await Promise.all(range(60, (index) =>
      commit(rows, {
        checks: [[["s", `new-${index}`], null], [A, index % 3 === 0 ? "none such" : version]],
        sets: [[["s", `new-${index}`], `${index}`]],
        deletes: [["s", `never-${index}`]],
        counts: [{ name: "c", by: 1 }],
        orElse: { at: [A] },
      })));
    for (const [index, each] of all.entries()) {
      assertEquals(each.kind, index % 3 === 0 ? "lost" : "made");
      if (each.kind === "lost") assertEquals(each.snapshot.at, [{ text: "1", version }]);
    }
    const made = range(60, (index) => index).filter((index) => index % 3 !== 0);
    assertEquals((await contents(rows, "s")).length, made.length + 1);
    assertEquals(await count(rows, "c"), made.length);
  },
}, {
  name: "a full counter costs only its own commit, not those of the same moment",
  async test(open) {
    const rows = await open();
    await make(rows, { counts: [{ name: "full", by: 2 }] });
    const all = await Promise.all(range(60, (index) =>
      commit(rows, {
        checks: [],
        sets: [[["s", `${index}`], "x"]],
        counts: [
          { name: "c", by: 1, most: 1_000 },
          ...(index % 3 === 0 ? [{ name: "full", by: 1, most: 2 }] : []),
        ],
      })));
    for (const [index, each] of all.entries()) {
      assertEquals(each.kind, index % 3 === 0 ? "full" : "made");
      if (each.kind === "full") assertEquals(each.counter, "full");
    }
    assertEquals((await contents(rows, "s")).length, 40);
    assertEquals((await read(rows, { counts: ["c", "full"] })).counts, [40, 2]);
  },
}, {
  name: "a counter has the sum of what was made at once, and at least as many fit as its most",
  async test(open) {
    const [one, other] = [await open(), await open()];
    const all = await Promise.all(range(60, (index) =>
      commit(index % 2 === 0 ? one : other, {
        sets: [[["s", `${index}`], "x"]],
        counts: [{ name: "c", by: 1, most: 20 }, { name: "d", by: 2 }],
      })));
    const { made, lost } = kindsOf(all);
    assertEquals(lost, 0);
    assert(made >= 20, `${made} were made`);
    assertEquals((await read(other, { counts: ["c", "d"] })).counts, [made, 2 * made]);
    assertEquals((await contents(one, "s")).length, made);
  },
}, {
  name: "commits of one row at once that expect nothing are all made, one after the other",
  async test(open) {
    const rows = await open();
    const versions = await Promise.all(
      range(50, (index) => make(rows, { sets: [[A, `${index}`]], counts: [{ name: "c", by: 1 }] })),
    );
    assertEquals(new Set(versions).size, 50);
    const [row] = (await read(rows, { at: [A] })).at;
    assertEquals(row?.version, versions[Number(row?.text)]);
    assertEquals(await count(rows, "c"), 50);
  },
}, {
  name: "commits at once that drop, copy, delete and set leave each other alone",
  async test(open) {
    const rows = await open();
    const some = range(20, (index) => index);
    await make(rows, {
      sets: some.flatMap((n) => [[["s", `${n}`], "1"], [[`v${n}`, "k"], `${n}`]] as const),
      counts: [{ name: "sessions", by: 20 }],
    });
    await Promise.all(some.map((n) => {
      const at: At = ["s", `${n}`];
      if (n % 4 === 0) {
        return make(rows, {
          deletes: [at],
          drop: `v${n}`,
          counts: [{ name: "sessions", by: -1 }],
        });
      }
      if (n % 4 === 1) return make(rows, { copy: { from: `v${n}`, to: `w${n}` } });
      return make(rows, { sets: [[at, "2"], [[`v${n}`, "l"], "2"]], durable: n % 4 === 2 });
    }));
    assertEquals(await count(rows, "sessions"), 15);
    for (const n of some.filter((each) => each % 4 !== 0)) {
      assertEquals(await textAt(rows, ["s", `${n}`]), n % 4 === 1 ? "1" : "2");
      assertEquals(await textAt(rows, [`v${n}`, "k"]), `${n}`);
      assertEquals(await textAt(rows, [`w${n}`, "k"]), n % 4 === 1 ? `${n}` : undefined);
      assertEquals(await textAt(rows, [`v${n}`, "l"]), n % 4 === 1 ? undefined : "2");
    }
  },
}];
