import { assertEquals, assertThrows } from "@std/assert";
import { lookUpId } from "../../../client/sessions/id_lookup.ts";

const IDS = ["sess-aa", "sess-ab", "sess-aba", "1"];

Deno.test("lookUpId: finds an id by all of it, or by a beginning of one alone", () => {
  assertEquals(["sess-ab", "sess-aa", "sess-aba", "1"].map((typed) => lookUpId(typed, IDS)), [
    "sess-ab",
    "sess-aa",
    "sess-aba",
    "1",
  ]);
  assertEquals(lookUpId("sess-a", ["sess-aa", "sess-aa"]), "sess-aa");
});

Deno.test("lookUpId: takes what no id begins with for a whole one, unless it is too short", () => {
  assertEquals(lookUpId("reference-id", IDS), "reference-id");
  assertEquals(lookUpId("sess-0123456789ab", IDS), "sess-0123456789ab");
  assertThrows(() => lookUpId("sess-0123", IDS), Error, "type the whole id");
});

Deno.test("lookUpId: refuses a beginning of several ids", () => {
  assertThrows(() => lookUpId("sess-a", IDS), Error, "3 sessions begin with sess-a");
});
