import { assertEquals, assertThrows } from "@std/assert";
import { encodeHeader, parseHeader } from "../../../store/journal/header.ts";
import { JournalError } from "../../../store/journal/journal_error.ts";
import { encodeLine } from "../../../store/journal/line_codec.ts";

const header = { format: "test", version: 1, id: "0".repeat(32), generation: 2, n: 3 };

function parse(text: string) {
  return parseHeader("PATH", new TextEncoder().encode(text), { format: "test", version: 1 });
}

Deno.test("parseHeader() reads what encodeHeader() has written", () => {
  const { format, version, id, generation, n } = parse(encodeHeader(header));
  assertEquals({ format, version, id, generation, n }, header);
});

Deno.test("parseHeader() throws a JournalError with the place of damage, or for another version", () => {
  const corrupt = [
    [encodeHeader(header).replace("2", "3"), "PATH is damaged in line 1"],
    [encodeHeader({ ...header, format: "other" }), "this is not a file of test"],
    ["Dear diary", "this is not a file of test"],
  ] as const;
  for (const [text, message] of corrupt) {
    const { code, damage } = assertThrows(() => parse(text), JournalError, message);
    assertEquals([code, damage], ["corrupt", { line: 1, start: 0, end: text.length }]);
  }
  for (const [version, message] of [[0, "older version"], [2, "newer version"]] as const) {
    const text = encodeLine(`{"format":"test","version":${version}`);
    const { code, damage } = assertThrows(() => parse(text), JournalError, message);
    assertEquals([code, damage], ["unavailable", undefined]);
  }
});
