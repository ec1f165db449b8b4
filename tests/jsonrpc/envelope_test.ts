import { assertEquals } from "@std/assert";
import { type Envelope, EnvelopeScanner } from "../../jsonrpc/envelope.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Envelope of a text in two pieces. */
function scanned(text: string, cut: number): Envelope | undefined {
  const scanner = new EnvelopeScanner();
  const bytes = encode(text);
  scanner.push(bytes.subarray(0, cut));
  scanner.push(bytes.subarray(cut));
  return scanner.end();
}

/** Messages, and their envelopes as far as known. */
const ENVELOPES: [text: string, envelope: Envelope | undefined][] = [
  ['{"id":1,"method":"x"}', { id: 1, kind: "call" }],
  [' {\t"method" : null , "id" : "1" }\r', { id: "1", kind: "call" }],
  ['{"params":{"id":2,"method":"x"},"id":-7}', { id: -7, kind: "neither" }],
  ['{"x":["id",{"id":3}],"result":{}}', { id: undefined, kind: "answer" }],
  ['{"\\u0069d":"é\\"\\\\","error":{"id":4}}', { id: 'é"\\', kind: "answer" }],
  ['{"id":1,"id":"2","x":"\\",\\"id\\":3"}', { id: "2", kind: "neither" }],
  ['{"id":1.5,"x":"}"}', { id: undefined, kind: "neither" }],
  ['{"id":{"id":5},"method":"{"}', { id: undefined, kind: "call" }],
  ['{"id":[6]}', { id: undefined, kind: "neither" }],
  [`{"id":"${"x".repeat(5000)}"}`, { id: undefined, kind: "neither" }],
  [`{"${"x".repeat(5000)}":"id","id":8}`, { id: 8, kind: "neither" }],
  ['{"__proto__":{"id":9},"method":1}', { id: undefined, kind: "call" }],
  ["{}", { id: undefined, kind: "neither" }],
  ['{"id":1', undefined],
  ['{"id":1}{"id":2}', undefined],
  ['[{"id":1}]', undefined],
  ['"id"', undefined],
  ["", undefined],
];

Deno.test("EnvelopeScanner: finds the members at the top level, however the text is cut", () => {
  for (const [text, envelope] of ENVELOPES) {
    for (let cut = 0; cut <= Math.min(text.length, 100); cut++) {
      assertEquals(scanned(text, cut), envelope, `${text} cut at ${cut}`);
    }
  }
});
