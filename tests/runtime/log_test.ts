import { assertEquals } from "@std/assert";
import { oneLine } from "../../runtime/log.ts";

const ID = `sess-${"0123456789abcdef".repeat(2)}`;

Deno.test.each<readonly [what: string, text: string, line: string]>([
  ["a session's id", `${ID} is gone`, "sess-01234567… is gone"],
  ["the id of another server", "no sess-0123456789ab_x", "no sess-01234567…"],
  ["a shortened id", "sess-01234567 is gone", "sess-01234567 is gone"],
  ["more than one line", "one\r\n\ttwo", "one two"],
  [
    "a text that turns or hides",
    "a\u202eb\u200fc\u061cd\u200be\x1b[2J",
    "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd[2J",
  ],
  ["half of a character", "\ud800", "\ufffd"],
])("oneLine(): redacts and flattens %s", (_what, text, line) => {
  assertEquals(oneLine(text), line);
});
