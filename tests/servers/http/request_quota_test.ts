/** The quota of requests, and responses to requests over it. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { requestLimits, RequestQuota } from "../../../servers/base/http/request_quota.ts";
import { LIMITED, release, startLimited } from "../../support/servers/limited.ts";
import {
  callRequest,
  messagesOf,
  opened,
  post,
  presenting,
  request,
  statusOf,
} from "../../support/servers/wire.ts";
import { runProgram } from "../../support/run_program.ts";
import { until } from "../../support/until.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";

const LIMITS = requestLimits({
  requests: 3,
  requestsPerOwner: 2,
  bodyBytes: 100,
  bodyBytesPerOwner: 60,
  answerBytes: 100,
  answerBytesPerOwner: 60,
});

Deno.test("RequestQuota: limits requests in all and per principal, and anonymous ones in all alone", () => {
  const quota = new RequestQuota(LIMITS);
  const leases = [quota.acquire("alice"), quota.acquire("alice")];
  assertEquals(quota.acquire("alice"), undefined);
  assert(quota.acquire(null));
  assertEquals(quota.acquire("bob"), undefined);
  for (const lease of leases) {
    lease?.release();
    lease?.release();
  }
  assert(quota.acquire("alice") && quota.acquire("bob"));
  assertEquals(quota.acquire(null), undefined);
});

Deno.test("Lease: reserves bytes until released, and one response of any size", () => {
  const quota = new RequestQuota(LIMITS);
  const [alice, bob] = [quota.acquire("alice"), quota.acquire("bob")];
  assert(alice && bob);
  assertEquals([40, 21, 20].map((bytes) => alice.reserveBody(bytes)), [true, false, true]);
  assertEquals([41, 40].map((bytes) => bob.reserveBody(bytes)), [false, true]);
  assertEquals([1000, 1].map((bytes) => alice.reserveResponse(bytes)), [true, false]);
  assertEquals(bob.reserveResponse(1), false);
  alice.release();
  assertEquals([alice.reserveBody(1), alice.reserveResponse(1)], [false, false]);
  assertEquals([bob.reserveBody(20), bob.reserveResponse(60)], [true, true]);
});

Deno.test("requestLimits(): refuses what is not a number above 0", () => {
  for (const name of Object.keys(LIMITS)) {
    for (const value of [NaN, 0, -1, "5", null]) {
      const limits = JSON.parse("{}", () => ({ [name]: value }));
      assertThrows(() => requestLimits(limits), RangeError, `${name} must be more than 0`);
    }
    assertEquals(requestLimits({ [name]: Infinity }), { ...requestLimits(), [name]: Infinity });
  }
});

Deno.test("limits of a server: are checked at the start", async () => {
  const flags = ["--transport", "streamable-http", "--port", "0", "--store", "memory:"];
  const { code, stderr } = await runProgram([LIMITED.href, '{"requests":0}', ...flags]);
  assertEquals(code, 1);
  assertMatch(stderr, /requests must be more than 0/);
});

/** Sends calls that the server holds, and waits until so many of them are refused. */
async function holdUntilRefused(
  count: number,
  refused: number,
  send: () => Promise<Response>,
): Promise<Promise<Response>[]> {
  const enough = Promise.withResolvers<void>();
  const accepted: Promise<Response>[] = [];
  let seen = 0;
  for (let number = 0; number < count; number++) {
    const sending = send();
    accepted.push(sending);
    sending.then(async (response) => {
      if (response.status !== 503) return;
      accepted.splice(accepted.indexOf(sending), 1);
      assertMatch(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
      const { jsonrpc, error } = await response.json();
      assertEquals([jsonrpc, error.code], ["2.0", -32000]);
      if (++seen === refused) enough.resolve();
    }).catch(enough.reject);
  }
  await enough.promise;
  return accepted;
}

async function assertReleased(responses: Promise<Response>[]): Promise<void> {
  for (const response of await Promise.all(responses)) {
    assertEquals(response.status, 200);
    const [message] = await messagesOf(response);
    assertEquals(message?.result?.content[0]?.text, "released");
  }
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`requests over the quota ${flags}: get 503 with Retry-After, and the accepted ones their result`, async () => {
    await using server = await startLimited({ requests: 4 }, flags);
    const headers = await opened(server.url);
    let id = 0;
    const held = await holdUntilRefused(10, 6, () => {
      return post(server.url, callRequest("hold", {}, ++id), headers);
    });
    assertEquals(held.length, 4);
    await release(server);
    await assertReleased(held);
    assertEquals(await statusOf(server.url, callRequest("now"), headers), 200);
  });
}

Deno.test("--stateful: the lease of a client that disconnects ends with its call", async () => {
  await using server = await startLimited({ requests: 2 }, ["--stateful"]);
  const headers = await opened(server.url);
  for (const id of [1, 2]) {
    const response = await post(server.url, callRequest("hold", {}, id), headers);
    assertEquals(response.status, 200);
    await response.body?.cancel();
  }
  await release(server);
  const status = () => statusOf(server.url, callRequest("now"), headers);
  await until(status, (status) => status === 200);
});

Deno.test("requests of one principal over its quota: leave room for the others", async () => {
  await using tokens = await tokensFile({ a: "alice", b: "bob" });
  await using server = await startLimited({ requestsPerOwner: 2 }, tokens.flags);
  const held = await holdUntilRefused(
    5,
    3,
    () => post(server.url, callRequest("hold"), bearer("a")),
  );
  assertEquals(await statusOf(server.url, callRequest("now"), bearer("b")), 200);
  await release(server);
  await assertReleased(held);
});

Deno.test("sessions over a principal's limit: get 503 with Retry-After and the code full", async () => {
  await using tokens = await tokensFile({ a: "alice", b: "bob" });
  await using server = await startLimited({ sessionsPerOwner: 2 }, tokens.flags);
  const create = async (token: string) => {
    const response = await post(server.url, request("session/create"), bearer(token));
    const [message] = await messagesOf(response);
    return { response, message };
  };
  for (const token of ["a", "a", "b"]) assertEquals((await create(token)).response.status, 200);
  const { response, message } = await create("a");
  assertEquals(response.status, 503);
  assertMatch(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  assertEquals([message?.id, message?.error?.code], [1, -32603]);
  assertEquals(message?.error?.data, { code: "full" });
  assertEquals((await create("b")).response.status, 200);
});

for (const flags of [[], ["--stateful"]]) {
  const name = ["sessions over the limit in all", ...flags].join(" ");
  Deno.test(`${name}: get 503 with Retry-After, and existing ones go on`, async () => {
    await using server = await startLimited({ sessions: 3 }, flags);
    const headers = await opened(server.url);
    const ask = async (method: string, params: object) => {
      const response = await post(server.url, request(method, params), headers);
      return (await messagesOf(response))[0]?.result;
    };
    const ids: unknown[] = [];
    for (let made = 0; made < 3; made++) ids.push((await ask("session/create", {}))?.id);
    const body = request("session/create", {}, "x");
    const response = await post(server.url, body, headers);
    assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
    const { id, error } = await response.json();
    assertEquals([id, error.code, error.data], ["x", -32603, { code: "full" }]);
    for (const id of ids) {
      const result = await ask("tools/call", { name: "now", ...presenting({ id }) });
      assertEquals(result?._meta?.["mcp/session"]?.id, id);
    }
    for (let more = 0; more < 50; more++) {
      assertEquals(await statusOf(server.url, body, headers), 503);
    }
    const logged = server.stderr.filter((line) => line.includes("which is the limit"));
    assert(logged.length > 0 && logged.length < 25, `${logged.length} lines`);
    await ask("session/delete", { id: ids[0] });
    assertEquals(await statusOf(server.url, body, headers), 200);
  });
}
