import { assertEquals } from "@std/assert";
import { jarTable, listTable, sessionLine } from "../../../client/sessions/list_columns.ts";

const COOKIE = { id: "sess-1", expiry: "2099-01-01T00:00:00Z", data: { title: "Shopping" } };
const PAST = { ...COOKIE, expiry: "2001-01-01T00:00:00Z" };

Deno.test("listTable: marks the session that the jar holds", () => {
  assertEquals(listTable([{ id: "sess-0" }, COOKIE], "sess-1"), [
    ["", "ID", "EXPIRES", "TITLE"],
    ["", "sess-0", "unknown", ""],
    ["*", "sess-1", "2099-01-01T00:00:00Z", "Shopping"],
  ]);
});

Deno.test("jarTable: says by whose clock a session is past", () => {
  const [server, profile] = ["https://example.com/mcp", "default"];
  assertEquals(jarTable([COOKIE, PAST].map((cookie) => ({ server, profile, cookie }))), [
    ["ID", "PROFILE", "EXPIRES", "TITLE", "SERVER"],
    ["sess-1", profile, "2099-01-01T00:00:00Z", "Shopping", server],
    ["sess-1", profile, "2001-01-01T00:00:00Z (past by this machine's clock)", "Shopping", server],
  ]);
});

Deno.test("sessionLine: names id, title and expiry, as far as there are any", () => {
  assertEquals(sessionLine(COOKIE), 'sess-1 "Shopping", expires 2099-01-01T00:00:00Z');
  assertEquals(sessionLine({ id: "1" }), '1 "", expires unknown');
});
