import { assertEquals, assertThrows } from "@std/assert";
import { requestLimits } from "../../../servers/base/http/request_quota.ts";
import { Overdue } from "../../../servers/base/overdue.ts";

Deno.test("requestLimits: refuses what is no number, or no limit", () => {
  for (const value of [NaN, 0, -1, "5", null]) {
    const limits = JSON.parse(JSON.stringify({ answerMs: value }));
    if (typeof value === "number") limits.answerMs = value;
    assertThrows(() => requestLimits(limits), RangeError, "answerMs must be more than 0");
  }
  assertEquals(requestLimits({ answerMs: Infinity }).answerMs, Infinity);
});

Deno.test("Overdue: a time that no timer can count does not come at once", async () => {
  for (const ms of [2 ** 31, Infinity]) {
    let rung = 0;
    const overdue = new Overdue(ms, () => rung++);
    overdue.begin("a thing");
    // A timer that has overflown rings each millisecond.
    await new Promise((resolve) => setTimeout(resolve, 20));
    overdue.stop();
    assertEquals(rung, 0);
  }
});
