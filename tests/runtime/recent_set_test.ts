import { assertEquals } from "@std/assert";
import { RecentSet } from "../../runtime/recent_set.ts";

Deno.test("RecentSet: add() says whether a text is new, and keeps the latest", () => {
  const set = new RecentSet(3);
  assertEquals(["a", "b", "a"].map((text) => set.add(text)), [true, true, false]);
  for (const text of ["c", "d", "e"]) set.add(text);
  assertEquals(["c", "d", "e"].map((text) => set.has(text)), [true, true, true]);
  assertEquals(set.add("a"), false, "it is not forgotten yet");
  for (const text of ["f", "g", "h", "i", "j", "k"]) set.add(text);
  assertEquals(["b", "c", "k"].map((text) => set.has(text)), [false, false, true]);
  set.delete("k");
  assertEquals([set.has("k"), set.add("k")], [false, true]);
});
