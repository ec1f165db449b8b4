import { assertEquals } from "@std/assert";
import { countOf, sizeOf } from "../../runtime/quantities.ts";

Deno.test("sizeOf: has two digits at least, and three at most, in the largest unit", () => {
  const sizes = [0, 7, 999, 1000, 1049, 9949, 9960, 99_499, 999_499, 999_500, 12e9, 5e15];
  assertEquals(sizes.map(sizeOf), [
    ...["0 B", "7 B", "999 B", "1.0 kB", "1.0 kB", "9.9 kB", "10 kB", "99 kB", "999 kB", "1.0 MB"],
    ...["12 GB", "5000 TB"],
  ]);
});

Deno.test("countOf: groups digits, and has a plural", () => {
  const counts = [0, 1, 2, 12_345].map((n) => countOf(n, "session"));
  assertEquals(counts, ["0 sessions", "1 session", "2 sessions", "12,345 sessions"]);
});
