import { assertEquals } from "@std/assert";
import { bisect, compareUtf8 } from "../../store/utf8_order.ts";

Deno.test("compareUtf8() sorts by UTF-8 bytes, unlike < on strings", () => {
  const sorted = ["", "\0", "a", "a\0", "ab", "é", "\ud7ff", "\ue000", "\uffff", "😀", "😀a", "😁"];
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries()) {
      assertEquals(Math.sign(compareUtf8(a, b)), Math.sign(i - j), JSON.stringify([a, b]));
    }
  }
});

Deno.test("bisect() finds the first item that is not before", () => {
  for (let length = 0; length < 9; length++) {
    const items = Array.from({ length }, (_, i) => i);
    for (let at = 0; at <= length; at++) assertEquals(bisect(items, (item) => item < at), at);
  }
});
