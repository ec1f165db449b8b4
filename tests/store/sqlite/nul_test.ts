import { assert, assertEquals } from "@std/assert";
import { escapeNul, unescapeNul } from "../../../store/sqlite/nul_text.ts";
import { compareUtf8 } from "../../../store/utf8_order.ts";

const CHARACTERS = ["\0", "\x01", "\x02", "a", ""];

/** All texts of up to four of these characters. */
const texts = [
  ...new Set(
    CHARACTERS.flatMap((a) =>
      CHARACTERS.flatMap((b) => CHARACTERS.flatMap((c) => CHARACTERS.map((d) => a + b + c + d)))
    ),
  ),
];

Deno.test("escapeNul() leaves no NUL, and can be undone", () => {
  for (const text of texts) {
    assert(!escapeNul(text).includes("\0"));
    assertEquals(unescapeNul(escapeNul(text)), text);
  }
});

Deno.test("escapeNul() keeps order and prefixes", () => {
  for (const a of texts) {
    for (const b of texts) {
      const [x, y] = [escapeNul(a), escapeNul(b)];
      assertEquals(Math.sign(compareUtf8(x, y)), Math.sign(compareUtf8(a, b)));
      assertEquals(x.startsWith(y), a.startsWith(b));
    }
  }
});
