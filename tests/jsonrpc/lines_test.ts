import { assertEquals } from "@std/assert";
import { linesOf, LongLine } from "../../jsonrpc/lines.ts";

async function linesIn(chunks: readonly string[], maxBytes: number): Promise<unknown[]> {
  const stream = ReadableStream.from(chunks).pipeThrough(new TextEncoderStream());
  const lines = await Array.fromAsync(linesOf(stream.getReader(), maxBytes));
  return lines.flat().map((line) =>
    line instanceof LongLine ? line : new TextDecoder().decode(line)
  );
}

Deno.test("linesOf(): yields lines that are not blank, and the envelope of a line that is too long", async () => {
  const text = 'a\n\r\n \t\n{"id":1}\nlast';
  const expected = ["a", '{"id":1}', "last"];
  for (let cut = 0; cut < text.length; cut++) {
    assertEquals(await linesIn([text.slice(0, cut), text.slice(cut)], 8), expected);
  }
  assertEquals(await linesIn([...text], 8), expected);
  const long = new LongLine({ id: 1, kind: "neither" });
  assertEquals(await linesIn([text], 7), ["a", long, "last"]);
  assertEquals(await linesIn([...text], 7), ["a", long, "last"]);
  assertEquals(await linesIn(["x".repeat(10)], 9), [new LongLine(undefined)]);
});
