import { assertEquals, assertThrows } from "@std/assert";
import { requestLimits } from "../../../servers/base/http/request_quota.ts";

Deno.test("requestLimits: refuses what is no number, or no limit", () => {
  for (const value of [NaN, 0, -1, "5", null]) {
    const limits = JSON.parse(JSON.stringify({ answerMs: value }));
    if (typeof value === "number") limits.answerMs = value;
    assertThrows(() => requestLimits(limits), RangeError, "answerMs must be more than 0");
  }
  assertEquals(requestLimits({ answerMs: Infinity }).answerMs, Infinity);
});
