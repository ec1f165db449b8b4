import { assertBitFlipsRefused } from "../../support/store/bit_flips.ts";

Deno.test("FileStore: open() refuses any flipped bit before the last mark, and changes nothing", async () => {
  await assertBitFlipsRefused(1);
});
