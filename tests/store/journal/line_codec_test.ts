import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  encodeEntry,
  encodeLine,
  entryOf,
  intactChecksum,
  intactParts,
  intactWithin,
  isIntact,
  parseLines,
} from "../../../store/journal/line_codec.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const entry = encodeEntry(7, '["ä",1]');
const legacy = encodeLine('{"n":8,"o":[2]');

Deno.test("encodeEntry() writes JSON with a checksum, in the form of the files on disk", () => {
  assertEquals(entry, '{"n":7,"o": ["ä",1],"c":"11da201d"}\n');
  assertEquals(entryOf(bytesOf(entry).subarray(0, -1)), { n: 7, content: '["ä",1]' });
  assertEquals(entryOf(bytesOf(encodeLine('{"format":"x"').trim())), undefined);
});

Deno.test("intactChecksum() finds any flipped bit", () => {
  const line = bytesOf(entry.trim());
  assertEquals(intactChecksum(line), 0x11da201d);
  for (let bit = 0; bit < line.length * 8; bit++) {
    const damaged = line.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert(!isIntact(damaged), `bit ${bit}`);
  }
});

Deno.test("parseLines() gives numbers, contents and the last line without sync marks", () => {
  const lines = bytesOf(legacy + entry);
  const { numbers, contents, legacy: last } = parseLines(lines, [legacy.length, lines.length]);
  assertEquals([numbers, contents, last], [[8, 7], [[2], ["ä", 1]], 8]);
  const strange = bytesOf(encodeLine('{"o":1'));
  assertThrows(() => parseLines(strange, [strange.length]), SyntaxError, "its number");
});

Deno.test("intactParts() and intactWithin() find lines around damage", () => {
  const found = (text: string, find: typeof intactParts) => {
    const bytes = bytesOf(text);
    return [...find(bytes)].map(({ start, end }) => entryOf(bytes.subarray(start, end))?.n);
  };
  const joined = entry.replace("\n", "*") + legacy.trim();
  assertEquals(found(joined, intactParts), [7, 8]);
  assertEquals(found(joined, intactWithin), [7, 8]);
  assertEquals(found(`damage ${joined}`, intactParts), []);
  assertEquals(found(`damage ${joined}`, intactWithin), [7, 8]);
});
