import { assertEquals } from "@std/assert";
import { textTable } from "../../runtime/terminal/text_table.ts";

Deno.test("textTable: aligns columns by display width", () => {
  const rows = [
    ["TITLE", "SERVER"],
    ["plain", "a"],
    ["買い物", "b"],
    ["ｶﾅ 한글", "c"],
    ["👍🏽 🇩🇪 ❤️", "d"],
    ["e\u0301te\u0301", "e"],
    ["U+FFFD \ufffd", "f"],
  ];
  assertEquals(textTable(rows).split("\n"), [
    "TITLE     SERVER",
    "plain     a",
    "買い物    b",
    "ｶﾅ 한글   c",
    "👍🏽 🇩🇪 ❤️  d",
    "e\u0301te\u0301       e",
    "U+FFFD \ufffd  f",
  ]);
});

Deno.test("textTable: ends no line in spaces", () => {
  assertEquals(textTable([["", "A", "B"], ["*", "", ""]]), "   A  B\n*");
});

Deno.test("textTable: takes any number of rows", () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [`${i}`, "x"]);
  assertEquals(textTable(rows).length, 200_000 * "100000  x\n".length - 1);
});
