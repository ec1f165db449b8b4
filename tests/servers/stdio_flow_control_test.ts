import { assertEquals } from "@std/assert";
import { FlowControl } from "../../servers/base/stdio_flow_control.ts";

const MIB = 1024 * 1024;

/** Whether a promise is settled once all that was scheduled before has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true);
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  return settled;
}

Deno.test("FlowControl: has room without waiting for a few pending requests", async () => {
  const flow = new FlowControl();
  for (const id of [1, 2, 3]) flow.begin(id);
  assertEquals(flow.hasRoom, true);
  flow.begin(4);
  assertEquals([flow.hasRoom, await isSettled(flow.room())], [false, true]);
  flow.end(4);
  assertEquals(flow.hasRoom, true);
});

Deno.test("FlowControl: room() waits for a response to one of many requests, or for a while", async () => {
  const flow = new FlowControl();
  for (let id = 0; id < 32; id++) flow.begin(id);
  const room = flow.room();
  flow.end(7);
  await room;
  flow.begin(7);
  assertEquals(flow.hasRoom, false);
  // Pending calls may wait for each other.
  await flow.room();
  assertEquals(flow.hasRoom, true);
});

Deno.test("FlowControl: room() waits until the client has read, or until stop()", async () => {
  for (const how of ["read", "stop"]) {
    const flow = new FlowControl();
    flow.unread.add(33 * MIB);
    const room = flow.room();
    assertEquals([flow.hasRoom, await isSettled(room)], [false, false]);
    if (how === "read") flow.unread.remove(33 * MIB);
    else flow.stop();
    await room;
  }
});

Deno.test("FlowControl: drained() waits for every request, and for each of the same id", async () => {
  const flow = new FlowControl();
  await flow.drained();
  for (const id of [1, "1", 1]) flow.begin(id);
  const drained = flow.drained();
  for (const id of [1, "1", 2]) flow.end(id);
  assertEquals(await isSettled(drained), false);
  flow.end(1);
  await drained;
});
