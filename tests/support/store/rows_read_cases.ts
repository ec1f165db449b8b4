/** Promises of reads: texts, names, pages, and one moment. */

import { assert, assertEquals } from "@std/assert";
import { compareUtf8 } from "../../../store/utf8_order.ts";
import type { RowPage, Rows } from "../../../store/rows/rows.ts";
import { count, make, range, read, type RowsCase, textAt } from "./rows_cases.ts";

/** Names that a database may take for others, or sort in another way. */
const NAMES: readonly string[] = [
  "",
  "\0",
  "\0\0",
  "\0a",
  "\x01",
  " ",
  '"',
  "%",
  "'",
  "*",
  "[a-b]",
  "\\",
  "\\x00",
  "_",
  "a",
  "a\0",
  "a\0b",
  "a'; --",
  "aa",
  "ab",
  "a\u007f",
  "aé",
  "a\uffff",
  "a\u{10000}",
  "a\u{10ffff}",
  "b",
  "e\u0301",
  "{a}:b",
  "\u007f",
  "\u0080",
  "é",
  "\u07ff",
  "\u0800",
  "\ud7ff",
  "\ue000",
  "\ufeff",
  "\ufeffa",
  "\uffff",
  "\uffffa",
  "\u{10000}",
  "😀",
  "\u{10ffff}",
  "\u{10ffff}\0",
  "\u{10ffff}\u{10ffff}",
];

const TEXTS: string[] = [
  "{}",
  "null",
  '"\\u0000"',
  JSON.stringify({ "a\0b": "\0\ufeff\uffff😀'\"\\" }),
  "\ufeff",
  "\ufeffbegins with a byte order mark, and ends with one\ufeff",
  "\0",
  "a\0b\0",
  "é e\u0301 \u{10ffff} \r\n\t\u2028",
  "'; drop table rows; --",
  "\\x00 $1 ? :name %s {}",
  JSON.stringify("x".repeat(64 * 1024 - 2)),
  JSON.stringify("\0".repeat(10 * 1024)),
  "😀".repeat(16 * 1024),
];

export const readCases: readonly RowsCase[] = [{
  name: "a row that was never set is undefined, a counter 0, a page empty",
  async test(open) {
    const rows = await open();
    assertEquals(
      await read(rows, { at: [["s", "a"]], page: { part: "s", limit: 9 }, counts: ["c"] }),
      { at: [undefined], page: [], counts: [0] },
    );
    assertEquals(await read(rows, {}), { at: [], page: [], counts: [] });
  },
}, {
  name: "a read answers in the order of the wish, and twice what is wished twice",
  async test(open) {
    const rows = await open();
    await make(rows, {
      sets: [[["s", "a"], "1"], [["s", "b"], "2"], [["i", "a"], "3"]],
      counts: [{ name: "c", by: 1 }, { name: "d", by: 2 }],
    });
    const { at, counts } = await read(rows, {
      at: [["i", "a"], ["s", "b"], ["s", "none"], ["s", "a"], ["s", "b"]],
      counts: ["d", "none", "c", "d"],
    });
    assertEquals(at.map((row) => row?.text), ["3", "2", undefined, "1", "2"]);
    assertEquals(counts, [2, 0, 1, 2]);
  },
}, {
  name: "texts come back as they were, with NUL, byte order marks and 64 KiB",
  async test(open) {
    const rows = await open();
    const sets = TEXTS.map((text, index) => [["v", `${index}`], text] as const);
    await make(rows, { sets });
    const { at } = await read(rows, { at: sets.map(([at]) => at) });
    assertEquals(at.map((row) => row?.text), TEXTS);
    const { page } = await read(rows, { page: { part: "v", limit: 99 } });
    assertEquals(new Map(page.map(([name, { text }]) => [name, text])).get("4"), TEXTS[4]);
    // Each alone too: a batch may take another way.
    for (const text of TEXTS) {
      await make(rows, { sets: [[["v", "one"], text]] });
      assertEquals(await textAt(rows, ["v", "one"]), text);
    }
  },
}, {
  name: "names come back as they were, each of its own row",
  async test(open) {
    const rows = await open();
    const long = [..."aé😀"].map((each) => each.repeat(256));
    const names = [...NAMES, ...long, "a".repeat(1024), `${"a".repeat(1023)}b`];
    await make(rows, { sets: names.map((name, index) => [["v", name], `${index}`]) });
    const { at } = await read(rows, { at: names.map((name) => ["v", name]) });
    assertEquals(at.map((row) => row?.text), names.map((_, index) => `${index}`));
    const { page } = await read(rows, { page: { part: "v", limit: 999 } });
    assertEquals(page.map(([name]) => name), names.toSorted(compareUtf8));
    assertEquals(
      page.map(([, row]) => row.text),
      names.toSorted(compareUtf8).map((name) => `${names.indexOf(name)}`),
    );
  },
}, {
  name: "a page has the names with its prefix, after a name, in the order of UTF-8",
  async test(open) {
    const rows = await open();
    await make(rows, { sets: NAMES.toReversed().map((name) => [["v", name], "x"]) });
    await make(rows, { sets: [[["v2", "a"], "x"], [["", "a"], "x"], [["u", "b"], "x"]] });
    const sorted = NAMES.toSorted(compareUtf8);
    const prefixes = [undefined, ...NAMES, "none", "\u{10ffff}\u{10ffff}\u{10ffff}"];
    const afters = [undefined, "", "\0", "a", "a\uffff", "aab", "\uffff", "😀", "\u{10ffff}"];
    for (const prefix of prefixes) {
      const pages: RowPage[] = afters.flatMap((after) =>
        [0, 1, 3, 99].map((limit) => ({ part: "v", prefix, after, limit }))
      );
      const found = await Promise.all(pages.map((page) => names(rows, page)));
      for (const [index, { after, limit }] of pages.entries()) {
        const expected = sorted
          .filter((name) => name.startsWith(prefix ?? ""))
          .filter((name) => after === undefined || compareUtf8(name, after) > 0);
        assertEquals(
          found[index],
          expected.slice(0, limit),
          JSON.stringify({ prefix, after, limit }),
        );
      }
    }
  },
}, {
  name: "pages that follow each other have all of a large part",
  async test(open) {
    const rows = await open();
    const all = range(1_200, (index) => `key-${index}`);
    for (let from = 0; from < all.length; from += 400) {
      const sets = all.slice(from, from + 400).map((name) => [["v", name], name] as const);
      await make(rows, { sets });
    }
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await names(rows, { part: "v", after, limit: 250 });
      found.push(...page);
      after = page.at(-1);
      assert(found.length <= all.length, "A page has what was before it");
    } while (after !== undefined);
    assertEquals(found, all.toSorted());
    assertEquals((await names(rows, { part: "v", limit: 5_000 })).length, 1_200);
  },
}, {
  name: "parts are apart: no separator of a part and a name makes two places one",
  async test(open) {
    const rows = await open();
    const places = [
      ["a", "bc"],
      ["ab", "c"],
      ["a", "b\0c"],
      ["a\0b", "c"],
      ["a:b", "c"],
      ["a", "b:c"],
      ["a/b", "c"],
      ["a", "b/c"],
      ["{a}", "b"],
      ["a", "}b"],
      ["A", "bc"],
      ["", "abc"],
      ["abc", ""],
      ["oé", "x"],
      ["oe\u0301", "x"],
      ["o\ufeff", "x"],
      ["o", "x"],
      ["o'", "x"],
      [`o${"p".repeat(1024)}`, "x"],
      [`o${"p".repeat(1023)}`, "px"],
    ] as const;
    for (const [index, at] of places.entries()) {
      await make(rows, { checks: [[at, null]], sets: [[at, `${index}`]] });
    }
    const { at } = await read(rows, { at: places });
    assertEquals(at.map((row) => row?.text), places.map((_, index) => `${index}`));
    for (const [part] of places) {
      assertEquals(
        await names(rows, { part, limit: 99 }),
        places.filter((at) => at[0] === part).map((at) => at[1]).toSorted(compareUtf8),
      );
    }
  },
}, {
  name: "counters are apart by name, and from rows",
  async test(open) {
    const rows = await open();
    const counters = [
      "sessions",
      "owner ",
      "owner a",
      "owner a:b",
      "owner é",
      "owner \0",
      "s",
      "{",
    ];
    await make(rows, { sets: [[["s", "s"], "x"], [["sessions", ""], "x"]] });
    await make(rows, { counts: counters.map((name, index) => ({ name, by: index + 1 })) });
    assertEquals(
      (await read(rows, { counts: counters })).counts,
      counters.map((_, index) => index + 1),
    );
    assertEquals(await textAt(rows, ["s", "s"]), "x");
    assertEquals(await count(rows, "owner b"), 0);
  },
}, {
  name: "single rows that are read together are of one moment",
  async test(open) {
    const [writer, reader] = [await open(), await open()];
    const places = [["s", "a"], ["v", "b"]] as const;
    let isWriting = true;
    const write = async () => {
      for (let i = 0; i < 60; i++) {
        await make(writer, { sets: places.map((at) => [at, `${i}`]), durable: false });
      }
    };
    const writes = write().finally(() => isWriting = false);
    let reads = 0;
    while (isWriting) {
      const { at: [a, b] } = await read(reader, { at: places });
      assertEquals(a?.text, b?.text);
      assertEquals(a?.version, b?.version);
      reads++;
    }
    await writes;
    assert(reads > 0);
  },
}];

async function names(rows: Rows, page: RowPage): Promise<string[]> {
  return (await read(rows, { page })).page.map(([name]) => name);
}
