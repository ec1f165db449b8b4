import { assertEquals } from "@std/assert";
import {
  type HeldCookie,
  heldCookie,
  presentedCookie,
  resultCookie,
  withCookie,
} from "../../protocol/cookie.ts";

const ID = "sess-" + "0".repeat(32);
const EXPIRY = "2026-11-22T18:30:00.000Z";

Deno.test.each<readonly [value: unknown, presented: string]>([
  [undefined, "missing"],
  [null, "missing"],
  [7, "malformed"],
  [ID, "malformed"],
  [[{ id: ID }], "malformed"],
  [{}, "malformed"],
  [{ id: null }, "malformed"],
  [{ id: "" }, "malformed"],
  [{ id: [ID] }, "malformed"],
  [{ id: "has space" }, "malformed"],
  [{ id: "ünïcode" }, "malformed"],
  [{ id: "nul\0" }, "malformed"],
  [{ id: "x".repeat(257) }, "malformed"],
  [JSON.parse(`{"__proto__": {"id": "${ID}"}}`), "malformed"],
  [{ id: "x".repeat(256) }, "x".repeat(256)],
  [{ id: "__proto__" }, "__proto__"],
  [{ id: ID, expiry: 7, data: "forged" }, ID],
])("presentedCookie: %j is %s", (value, presented) => {
  const cookie = presentedCookie({ _meta: { "mcp/session": value } });
  assertEquals(cookie.kind === "id" ? cookie.id : cookie.kind, presented);
});

Deno.test("presentedCookie: is missing without params or _meta", () => {
  for (const params of [undefined, null, 7, {}, { _meta: null }, { _meta: [] }]) {
    assertEquals(presentedCookie(params), { kind: "missing" });
  }
});

Deno.test.each<readonly [value: unknown, held: HeldCookie | undefined]>([
  [{ id: ID }, { id: ID }],
  [{ id: ID, expiry: null, data: null }, { id: ID }],
  [{ id: ID, expiry: "no date", data: [] }, { id: ID }],
  [{ id: ID, expiry: EXPIRY }, { id: ID, expiry: EXPIRY }],
  [{ id: ID, expiry: "2026-11-22T18:30:00.123456+00:00" }, {
    id: ID,
    expiry: "2026-11-22T18:30:00.123456+00:00",
  }],
  [{ id: ID, data: { title: "t", count: 7 }, more: 1 }, { id: ID, data: { title: "t" } }],
  [{ expiry: EXPIRY }, undefined],
  [undefined, undefined],
])("heldCookie: %j is %j", (value, held) => {
  assertEquals(heldCookie(value), held);
});

Deno.test("resultCookie: tells null from an absent or unreadable cookie", () => {
  const result = (cookie: unknown) => ({ _meta: { "mcp/session": cookie } });
  assertEquals(resultCookie(result(null)), null);
  assertEquals(resultCookie(result({ id: ID })), { id: ID });
  for (const other of [result(7), { _meta: {} }, {}, undefined]) {
    assertEquals(resultCookie(other), undefined);
  }
});

Deno.test("withCookie: keeps the rest of _meta, and changes nothing in place", () => {
  const params = { name: "tool", _meta: { progressToken: 1, "mcp/session": { id: "old" } } };
  const before = structuredClone(params);
  assertEquals<unknown>(withCookie(params, null), {
    name: "tool",
    _meta: { progressToken: 1, "mcp/session": null },
  });
  assertEquals(params, before);
  assertEquals(withCookie({}, { id: ID }), { _meta: { "mcp/session": { id: ID } } });
});
