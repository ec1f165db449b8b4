import { assertEquals, assertRejects } from "@std/assert";
import { within } from "../../runtime/time_limit.ts";

Deno.test("within(): returns the work's result, or undefined at the time limit", async () => {
  assertEquals(await within(60_000, Promise.resolve("done")), "done");
  assertEquals(await within(0, new Promise(() => {})), undefined);
  await assertRejects(() => within(60_000, Promise.reject(new Error("failed"))), Error, "failed");
});
