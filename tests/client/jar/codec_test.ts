/** The codec of a jar's file, pinned to the lines that stand on disk. */

import { assertEquals, assertThrows } from "@std/assert";
import { type Cookies, file, findEntry, jarMeaning, takeOut } from "../../../client/jar/codec.ts";

const KEY = { server: "s", profile: "p" };
const ENTRY = { ...KEY, cookie: { id: "a", data: { title: "t" } }, filedAt: 7 };
const LINE = '["in","s","p",{"id":"a","data":{"title":"t"}},7]';

const codec = jarMeaning(() => 0);

function read(...lines: string[]): Cookies {
  const cookies = codec.empty();
  for (const line of lines) codec.apply(cookies, JSON.parse(line));
  return cookies;
}

Deno.test("codec: pins the format, its version and its lines", () => {
  assertEquals([codec.format, codec.version], ["mcp-sessions-jar", 1]);
  const cookies = codec.empty();
  assertEquals(file(cookies, ENTRY).contents, [LINE]);
  assertEquals([...codec.snapshot(cookies)], [LINE]);
  assertEquals(takeOut(cookies, [ENTRY]).contents, ['["out","s","p"]']);
  assertEquals([...codec.snapshot(cookies)], []);
});

Deno.test("codec: reads lines in order, and those of earlier versions without a time", () => {
  assertEquals(findEntry(read(LINE), KEY), ENTRY);
  assertEquals(findEntry(read('["in","s","p",{"id":"b"}]'), KEY)?.filedAt, 0);
  assertEquals(findEntry(read(LINE, '["out","s","p"]'), KEY), undefined);
  assertEquals(findEntry(read(LINE, '["out","s","q"]'), KEY), ENTRY);
});

Deno.test("codec: undo restores the entry before", () => {
  const cookies = read(LINE);
  file(cookies, { ...ENTRY, cookie: { id: "b" } }).undo();
  takeOut(cookies, [ENTRY]).undo();
  assertEquals([...cookies.values()], [ENTRY]);
});

Deno.test("codec: refuses other lines", () => {
  const wrong = [
    '["lend","s","p"]',
    '["in","s","p",{"id":"a b"}]',
    '["out","s"]',
    '["out",1,"p"]',
    "7",
  ];
  for (const line of wrong) {
    assertThrows(() => read(line), TypeError, "file a cookie or take one out");
  }
});
