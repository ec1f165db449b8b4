import { assertEquals } from "@std/assert";
import { utf8Length } from "../../runtime/utf8.ts";

Deno.test("utf8Length: counts what TextEncoder would write", () => {
  const parts = ["", "a", "\0", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff"];
  const surrogates = ["\ud800", "\udbff", "\udc00", "\udfff"];
  const all = [...parts, ...surrogates];
  for (const a of all) {
    for (const b of all) {
      for (const c of all) {
        const text = a + b + c;
        assertEquals(utf8Length(text), new TextEncoder().encode(text).length, JSON.stringify(text));
      }
    }
  }
});
