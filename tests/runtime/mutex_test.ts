import { assertEquals, assertRejects } from "@std/assert";
import { Mutex } from "../../runtime/mutex.ts";

Deno.test("Mutex: runs work in order, one at a time, and goes on after a failure", async () => {
  const mutex = new Mutex();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = mutex.run(async () => {
    await gate.promise;
    order.push("first");
    throw new Error("it failed");
  });
  const second = mutex.run(() => order.push("second"));
  const idle = mutex.idle().then(() => order.push("idle"));
  gate.resolve();
  await assertRejects(() => first, Error, "it failed");
  assertEquals(await second, 2);
  await idle;
  assertEquals(order, ["first", "second", "idle"]);
});
