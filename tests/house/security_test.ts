/** docs/security.md: every test that it names is there. */

import { assert } from "@std/assert";
import { posix } from "node:path";
import { readPage, ROOT } from "./pages.ts";

/** The name of a test: the first argument of `Deno.test()` or of its table of cases, or a member. */
const TEST_NAME = /(?:[Tt]est\(|\]\)\(|\bname:)\s*(?:"[^"]*"|`[^`]*`)/g;

Deno.test("docs/security.md: every test that it names is there, word for word", async () => {
  const { text } = readPage("docs/security.md");
  let named = 0;
  for (
    const [, path = "", names = ""] of text.matchAll(/`(tests\/[^`]+\.ts)`((?:[:,] "[^"]+")*)/g)
  ) {
    const source = await Deno.readTextFile(posix.join(ROOT, path));
    const tests = [...source.matchAll(TEST_NAME)].map(([name]) => name);
    for (const [, name = ""] of names.matchAll(/"([^"]+)"/g)) {
      const isThere = tests.some((test) => test.includes(name));
      assert(isThere, `${path} has no test whose name has "${name}" in it`);
      named++;
    }
  }
  assert(named > 40, `${named} tests`);
});

Deno.test("docs/security.md: no line of its lists is without a test or a reason", () => {
  const { text } = readPage("docs/security.md");
  const lists = text.slice(0, text.indexOf("## The audit log"));
  const rows = [...lists.matchAll(/^\| (.+?) +\| (.+?) +\|$/gm)];
  assert(rows.length > 40, `${rows.length} rows`);
  for (const [, asked = "", held = ""] of rows) {
    if (asked === "the list asks for" || /^-+$/.test(asked)) continue;
    assert(held.length > 20, `nothing says what holds "${asked}"`);
  }
});
