/** What a server does with more than it can take: it sends away, and answers what it accepted. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { RawConnection } from "../../support/servers/raw_http.ts";
import {
  type HttpServer,
  messagesOf,
  opened,
  post,
  presenting,
  startServer,
} from "../../support/servers/server.ts";
import { bearer, writeTokens } from "../../support/servers/tokens.ts";

const FIXTURE = new URL("../../fixtures/limited.ts", import.meta.url);

const call = (name: string) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name } });

function start(limits: Record<string, number>, flags: string[] = []): Promise<HttpServer> {
  const args = [JSON.stringify(limits)];
  return startServer({ server: FIXTURE, transport: "http", args, flags });
}

async function release({ process }: HttpServer): Promise<void> {
  const writer = process.stdin.getWriter();
  await writer.write(new Uint8Array(1));
  writer.releaseLock();
}

/** Sends calls that the server holds, and waits until so many of them were sent away. */
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

async function statusOf(sending: Promise<Response>): Promise<number> {
  const response = await sending;
  await response.text();
  return response.status;
}

async function assertReleased(responses: Promise<Response>[]): Promise<void> {
  for (const response of await Promise.all(responses)) {
    assertEquals(response.status, 200);
    const [message] = await messagesOf(response);
    assertEquals(message?.result?.content[0]?.text, "released");
  }
}

Deno.test("requests over the limit: get 503 with Retry-After, and those accepted their answer", async () => {
  await using server = await start({ requests: 4 });
  const held = await holdUntilRefused(10, 6, () => post(server.url, call("hold")));
  assertEquals(held.length, 4);
  await release(server);
  await assertReleased(held);
  assertEquals(await statusOf(post(server.url, call("now"))), 200);
});

Deno.test("requests over the limit with --stateful: get 503, and those accepted their answer", async () => {
  await using server = await start({ requests: 4 }, ["--stateful"]);
  const headers = await opened(server.url);
  let id = 0;
  const held = await holdUntilRefused(10, 6, () => {
    const message = { ...JSON.parse(call("hold")), id: ++id };
    return post(server.url, JSON.stringify(message), headers);
  });
  await release(server);
  await assertReleased(held);
  assertEquals(await statusOf(post(server.url, call("now"), headers)), 200);
});

Deno.test("--stateful: a client that goes away during a call frees its place once the call is over", async () => {
  await using server = await start({ requests: 2 }, ["--stateful"]);
  const headers = await opened(server.url);
  for (const id of [1, 2]) {
    const message = { ...JSON.parse(call("hold")), id };
    const response = await post(server.url, JSON.stringify(message), headers);
    assertEquals(response.status, 200);
    await response.body?.cancel();
  }
  await release(server);
  const deadline = AbortSignal.timeout(20_000);
  while (await statusOf(post(server.url, call("now"), headers)) !== 200) deadline.throwIfAborted();
});

Deno.test("requests of one principal over its limit: leave room for the others", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tokens = join(folder, "tokens");
    await writeTokens(tokens, { a: "alice", b: "bob" });
    await using server = await start({ requestsPerOwner: 2 }, ["--tokens", tokens]);
    const held = await holdUntilRefused(5, 3, () => post(server.url, call("hold"), bearer("a")));
    assertEquals(await statusOf(post(server.url, call("now"), bearer("b"))), 200);
    await release(server);
    await assertReleased(held);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("bodies over the limit: get 503 while others are being sent", async () => {
  await using server = await start({ bodyBytes: 1000 });
  using slow = await RawConnection.open(server.url);
  await slow.post("", { "content-length": "900" });
  // It is under way once somebody else is sent away.
  const padded = call("now") + " ".repeat(200);
  let status = 200;
  while (status === 200) status = await statusOf(post(server.url, padded));
  assertEquals(status, 503);
  assertEquals(await statusOf(post(server.url, call("now"))), 200);
});

Deno.test("a large body that is announced and does not come: takes nobody else's room", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tokens = join(folder, "tokens");
    await writeTokens(tokens, { a: "alice", b: "bob" });
    const limits = { bodyBytes: 200_000, requestsPerOwner: 1 };
    await using server = await start(limits, ["--tokens", tokens]);
    using slow = await RawConnection.open(server.url);
    await slow.post("{", { ...bearer("a"), "content-length": "199999" });
    // It is under way once another of hers is sent away.
    while ((await statusOf(post(server.url, call("now"), bearer("a")))) === 200);
    const padded = call("now") + " ".repeat(50_000);
    assertEquals(await statusOf(post(server.url, padded, bearer("b"))), 200);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const SLOW_BODIES: readonly [how: string, headers: Record<string, string>, begun: string][] = [
  ["a length", { "content-length": "100" }, "{"],
  ["a greater length", { "content-length": "100000" }, "{"],
  ["chunks", { "transfer-encoding": "chunked" }, "1\r\n{\r\n"],
];

for (const [how, headers, begun] of SLOW_BODIES) {
  Deno.test(`a slow body with ${how}: is given up, and costs nothing then`, async () => {
    await using server = await start({ bodyMs: 100, requests: 1 });
    using slow = await RawConnection.open(server.url);
    await slow.post(begun, headers);
    assertMatch(await slow.read(), /^HTTP\/1\.1 408 /);
    assertEquals(await statusOf(post(server.url, call("now"))), 200);
  });
}

Deno.test("sessions over a principal's limit: get 503 with Retry-After and the error full", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tokens = join(folder, "tokens");
    await writeTokens(tokens, { a: "alice", b: "bob" });
    await using server = await start({ sessionsPerOwner: 2 }, ["--tokens", tokens]);
    const create = async (token: string) => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "session/create" });
      const response = await post(server.url, body, bearer(token));
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
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const flags of [[], ["--stateful"]]) {
  const name = ["sessions over the limit in all", ...flags].join(" ");
  Deno.test(`${name}: get 503 with Retry-After, and those made go on`, async () => {
    await using server = await start({ sessions: 3 }, flags);
    const headers = await opened(server.url);
    const ask = async (method: string, params: object) => {
      const message = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
      return (await messagesOf(await post(server.url, message, headers)))[0]?.result;
    };
    const ids: unknown[] = [];
    for (let made = 0; made < 3; made++) ids.push((await ask("session/create", {}))?.id);
    const body = JSON.stringify({ jsonrpc: "2.0", id: "x", method: "session/create" });
    const response = await post(server.url, body, headers);
    assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
    const { id, error } = await response.json();
    assertEquals([id, error.code, error.data], ["x", -32603, { code: "full" }]);
    for (const id of ids) {
      const result = await ask("tools/call", { name: "now", ...presenting({ id }) });
      assertEquals(result?._meta?.["mcp/session"]?.id, id);
    }
    for (let more = 0; more < 50; more++) {
      assertEquals(await statusOf(post(server.url, body, headers)), 503);
    }
    const told = server.stderr.filter((line) => line.includes("as many as it keeps"));
    assert(told.length > 0 && told.length < 25, "it is told of, and does not fill the log");
    await ask("session/delete", { id: ids[0] });
    assertEquals(await statusOf(post(server.url, body, headers)), 200);
  });
}

Deno.test("limits: that are none are refused at the start", async () => {
  const ofRequests = ["requests", "requestsPerOwner", "bodyBytes", "bodyBytesPerOwner", "bodyMs"];
  for (const limit of [...ofRequests, "answerBytes", "answerBytesPerOwner", "answerMs"]) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", FIXTURE.href, JSON.stringify({ [limit]: 0 })]
        .concat("--transport", "streamable-http", "--port", "0", "--store", "memory:"),
      stdin: "null",
    }).output();
    const said = new TextDecoder().decode(stderr);
    assert(code === 1 && said.includes(`${limit} must be more than 0`), said);
  }
});
