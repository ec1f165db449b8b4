/** The time limit of an operator's `authenticate`. */

import { assertEquals, assertMatch } from "@std/assert";
import type { AuthInfo } from "../../../../servers/base/mod.ts";
import { CALLER, guarded } from "../../../support/servers/guarded.ts";

Deno.test("authenticate: refuses with 503 at the time limit, aborts the signal, and ignores a late outcome", async () => {
  const signals: AbortSignal[] = [];
  const settled = [0, 1].map(() => Promise.withResolvers<void>());
  const ends: (() => AuthInfo | Promise<AuthInfo>)[] = [
    () => CALLER,
    () => Promise.reject(new Error("too late")),
    () => new Promise<never>(() => {}),
  ];
  const answers = ends.map(async (end, index) => {
    const { ask, told, callers } = guarded(async ({ signal }) => {
      signals.push(signal);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      settled[index]?.resolve();
      return await end();
    });
    const response = await ask();
    assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
    assertEquals([callers.length, told.length], [0, 1]);
    assertMatch(told.join(), /authenticate has taken more than 10 seconds/);
  });
  await Promise.all([...answers, ...settled.map(({ promise }) => promise)]);
  assertEquals(signals.map(({ reason }) => reason.name), Array(3).fill("TimeoutError"));
});
