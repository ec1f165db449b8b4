import { assertEquals } from "@std/assert";
import { printable } from "../../runtime/terminal/terminal_text.ts";

Deno.test("printable: replaces whatever acts on a terminal or hides in a log", () => {
  const controls = ["\0", "\t", "\n", "\x1b", "\x7f", "\x80", "\x9b"];
  const turns = ["\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"];
  const hidden = ["\xad", "\u200b", "\u200d", "\u2060", "\ufeff", "\u{e0041}", "\u{1d173}"];
  const others = ["\u2028", "\u2029", "\ud83d", "\udc00"];
  for (const character of [...controls, ...turns, ...hidden, ...others]) {
    const name = JSON.stringify(character);
    assertEquals(printable(`a${character}b`), "a\ufffdb", name);
    assertEquals(printable(`a${character}b`, character), `a${character}b`, name);
    assertEquals(printable(character, "", (one) => `<${one}>`), `<${character}>`, name);
  }
  const plain = "Zoë's naïve 日本語 test: 🦕 «¿ x ≠ y?» \xa0~";
  assertEquals(printable(plain), plain);
});
