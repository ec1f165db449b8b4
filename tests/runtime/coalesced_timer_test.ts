import { assertEquals } from "@std/assert";
import { CoalescedTimer } from "../../runtime/coalesced_timer.ts";

/** Things that are called back, until `last` is; its own timer keeps no test alive. */
async function called(
  intervalMs: number | ((thing: string) => number),
  begin: (timer: CoalescedTimer<string>) => void,
  ondue: (timer: CoalescedTimer<string>, thing: string) => void,
): Promise<string[]> {
  const called: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const alive = setInterval(() => {}, 60_000);
  const timer: CoalescedTimer<string> = new CoalescedTimer(intervalMs, (thing) => {
    called.push(thing);
    ondue(timer, thing);
    if (thing === "last") resolve();
  });
  begin(timer);
  await promise;
  timer.stop();
  clearInterval(alive);
  return called;
}

Deno.test("CoalescedTimer: calls back after each interval, until the thing ends", async () => {
  const intervalMs = (thing: string) => thing === "slow" ? 3_600_000 : 5;
  let times = 0;
  const things = await called(intervalMs, (timer) => {
    for (const thing of ["slow", "fast", "ended"]) timer.begin(thing);
    timer.end("ended");
  }, (timer, thing) => {
    if (++times < 3) return;
    timer.end(thing);
    timer.begin("last");
    assertEquals([...timer], ["slow", "last"]);
  });
  assertEquals(things, ["fast", "fast", "fast", "last"]);
});

Deno.test("CoalescedTimer: a thing that another one's callback has ended is not called back", async () => {
  const things = await called(5, (timer) => {
    for (const thing of ["a", "b"]) timer.begin(thing);
    // Both are due when the timer fires.
    for (const end = performance.now() + 12; performance.now() < end;) { /* busy */ }
  }, (timer) => {
    for (const thing of ["a", "b"]) timer.end(thing);
    timer.begin("last");
  });
  assertEquals(things, ["a", "last"]);
});

Deno.test("CoalescedTimer: an interval that no timer can count does not end at once", async () => {
  for (const intervalMs of [2 ** 31, Infinity]) {
    let times = 0;
    const timer = new CoalescedTimer(intervalMs, () => times++);
    timer.begin("a thing");
    // A timer that has overflown fires each millisecond.
    await new Promise((resolve) => setTimeout(resolve, 20));
    timer.stop();
    assertEquals(times, 0);
  }
});
