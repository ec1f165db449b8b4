/** The retry policy. */

import { assertEquals } from "@std/assert";
import { backoffMs, retryAction } from "../../../client/connection/retry.ts";
import { NeverSentError } from "../../../client/connection/send_errors.ts";

const withCode = (code: number) => Object.assign(new Error("x"), { code });

Deno.test("retryAction: retries only what the server has not looked at", () => {
  const errors = [
    new NeverSentError("x"),
    withCode(404),
    new TypeError("x", { cause: new Error("reset") }),
    withCode(503),
  ];
  assertEquals(errors.map(retryAction), ["backoff", "reconnect", "fail", "fail"]);
});

Deno.test("backoffMs: doubles from 50 ms to a second", () => {
  assertEquals([0, 1, 2, 4, 5, 2000].map(backoffMs), [50, 100, 200, 800, 1000, 1000]);
});
