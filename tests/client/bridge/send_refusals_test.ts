import { assertEquals, assertMatch } from "@std/assert";
import { sendRefusal, unsupportedError } from "../../../client/bridge/send_refusals.ts";
import { NeverSentError } from "../../../client/connection/send_errors.ts";

const REQUEST = { jsonrpc: "2.0", id: 7, method: "tools/call" } as const;

/** An HTTP error of the SDK: its message ends in the body. */
function httpError(status: number, body: unknown): Error {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return Object.assign(new Error(`Error POSTing to endpoint: ${text}`), { code: status });
}

const unavailable = { jsonrpc: "2.0", id: null, error: { code: -32000, message: "Busy" } };

const REFUSALS: readonly [what: string, error: unknown, reason: string, says: RegExp][] = [
  ["no connection", new NeverSentError("refused"), "not_sent", /^Cannot reach .* srv for tools/],
  ["an error of this side", new Error("no session"), "not_sent", /^Cannot pass tools\/call on/],
  ["a status 401", httpError(401, "no"), "not_sent", /refused .* status 401: .*--header/],
  ["a redirect", httpError(307, "Redirect to x"), "not_sent", /status 307: .*Redirect to x/],
  ["a status 413", httpError(413, "no"), "not_sent", /status 413: .*was not carried out; try/],
  ["the server's 503", httpError(503, unavailable), "not_sent", /status 503/],
  ["a proxy's 503", httpError(503, "upstream"), "outcome_unknown", /Whether it ran is unknown/],
  ["a status 500", httpError(500, unavailable), "outcome_unknown", /Whether it ran is unknown/],
  ["an unreadable body", new SyntaxError("JSON"), "outcome_unknown", /Whether it ran is unknown/],
];

for (const [what, error, reason, says] of REFUSALS) {
  Deno.test(`sendRefusal: ${what} is ${reason}`, () => {
    const response = sendRefusal(REQUEST, "srv", error);
    assertEquals([response.id, response.error.code, response.error.data], [7, -32000, { reason }]);
    assertMatch(response.error.message, says);
  });
}

Deno.test("unsupportedError: gives the server's error for a method or version, and no other", () => {
  const data = { supported: ["2025-11-25"] };
  for (const error of [{ code: -32601, message: "No" }, { code: -32022, message: "No", data }]) {
    assertEquals(unsupportedError(httpError(400, { jsonrpc: "2.0", error })), error);
    assertEquals(sendRefusal(REQUEST, "srv", httpError(400, { error })).error, error);
  }
  for (const body of [unavailable, { error: { code: -32601 } }, "{", ""]) {
    assertEquals(unsupportedError(httpError(400, body)), undefined);
  }
});
