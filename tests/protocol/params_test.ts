import { assertEquals, assertThrows } from "@std/assert";
import { WireError } from "../../protocol/errors.ts";
import { parseCreateParams, parseDeleteId, parseListCursor } from "../../protocol/params.ts";

const pairs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));

Deno.test.each<readonly [params: unknown, title: string]>([
  [undefined, "experimental-session"],
  [{}, "experimental-session"],
  [{ hints: null }, "experimental-session"],
  [{ hints: { label: null, data: null } }, "experimental-session"],
  [{ hints: { label: "  label  " } }, "label"],
  [{ hints: { label: "   " } }, "experimental-session"],
  [{ hints: { label: "label", data: { title: "  title " } } }, "title"],
  [{ hints: { label: "label", data: { title: "   " } } }, "label"],
  [{ hints: { label: "label", data: { other: "x" } } }, "label"],
  [{ hints: { label: "label", data: { title: null } } }, "label"],
])("parseCreateParams: %j has the title %s", (params, title) => {
  assertEquals(parseCreateParams(params).title, title);
});

Deno.test("parseCreateParams: keeps further pairs, but for title, reason and createdAt", () => {
  const data = JSON.parse(
    `{"k": "v", "": "empty key", "__proto__": "p", "none": null, "title": "t", "reason": "forged", "createdAt": "1999"}`,
  );
  assertEquals(Object.entries(parseCreateParams({ hints: { data } }).extra), [
    ["k", "v"],
    ["", "empty key"],
    ["__proto__", "p"],
  ]);
});

Deno.test.each<readonly [params: unknown, field: string]>([
  [{ hints: [] }, "params.hints"],
  [{ hints: "x" }, "params.hints"],
  [{ hints: { label: 7 } }, "params.hints.label"],
  [{ hints: { label: "\ud800" } }, "params.hints.label"],
  [{ hints: { data: [] } }, "params.hints.data"],
  [{ hints: { data: { k: 1 } } }, 'params.hints.data["k"]'],
  [{ hints: { data: { k: {} } } }, 'params.hints.data["k"]'],
  [{ hints: { data: { k: "\ud800" } } }, "params.hints.data"],
  [{ cursor: 7 }, "params.cursor"],
  [{ id: 7 }, "params.id"],
])("params: %j is refused, naming the field", (params, field) => {
  const parse = () => [parseCreateParams, parseListCursor, parseDeleteId].map((one) => one(params));
  const { code, message } = assertThrows(parse, WireError);
  assertEquals([code, message.startsWith(field)], [-32602, true], message);
});

Deno.test("parseCreateParams: takes 32 pairs and 8 KiB of text, and no more", () => {
  const withData = (data: Record<string, string>) => parseCreateParams({ hints: { data } }).extra;
  assertEquals(withData(pairs(32)), pairs(32));
  assertThrows(() => withData(pairs(33)), WireError, "at most 32 pairs: it has 33");
  withData({ k: "ä".repeat(4095) });
  assertThrows(() => withData({ k: "ä".repeat(4096) }), WireError, "at most 8192 bytes");
});

Deno.test("parseListCursor, parseDeleteId: null is absent, and so is an empty id", () => {
  for (const params of [undefined, {}, { cursor: null, id: null }, { id: "" }]) {
    assertEquals(parseListCursor(params), undefined);
    assertEquals(parseDeleteId(params), undefined);
  }
  assertEquals(parseListCursor({ cursor: "" }), "");
  assertEquals(parseDeleteId({ id: "sess-1" }), "sess-1");
});
