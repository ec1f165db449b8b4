/** Flipped bits of a store's file: how a disk damages it. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FileStore, StoreError } from "../../../store/mod.ts";
import { sample } from "./samples.ts";
import { tempFolder } from "./stores.ts";

/** Flips every bit before the last mark, or one in `step`: each must be refused, and change nothing. */
export async function assertBitFlipsRefused(step: number): Promise<void> {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { bytes, ends } = await sample(path, { isCompacted: true });
  const mark = ends.at(-2)!;
  assertMatch(
    new TextDecoder().decode(bytes.subarray(mark)),
    /^\{"n":\d+,"o": \["",\["drop","",\d+\]\]/,
  );
  for (let bit = 0; bit < mark * 8; bit += step) await assertRefused(path, bytes, ends, bit);
  // The newline before a torn line ends an acknowledged one.
  const torn = Uint8Array.from([...bytes, ...bytes.subarray(ends.at(-3), ends.at(-2)! - 1)]);
  for (let bit = ends.at(-3)! * 8; bit < mark * 8; bit += step) {
    await assertRefused(path, torn, ends, bit);
  }
  const names = Array.from(Deno.readDirSync(folder.path), ({ name }) => name).sort();
  assertEquals(names, ["sessions.jsonl", "sessions.jsonl.lock"]);
}

export async function assertRefused(
  path: string,
  bytes: Uint8Array,
  ends: readonly number[],
  bit: number,
) {
  const place = bit >> 3;
  const damaged = bytes.slice();
  damaged[place]! ^= 1 << (bit & 7);
  await Deno.writeFile(path, damaged);
  const error = await assertRejects(
    () => FileStore.open(path, { namespace: "test" }),
    StoreError,
    undefined,
    `bit ${bit & 7} of byte ${place}`,
  );
  assertEquals(error.code, "corrupt", error.message);
  assert(error.message.includes(path));
  const line = ends.findIndex((end) => place < end) + 1;
  const [, where, start, end] = /line (\d+), bytes (\d+) to (\d+)/.exec(error.message) ?? [];
  assertEquals(Number(where), line, error.message);
  assert(Number(start) <= place && place < Number(end), `${place}: ${error.message}`);
  assertEquals(await Deno.readFile(path), damaged);
}
