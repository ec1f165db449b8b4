/** Which era the era transport speaks, and what it leaves as it is. */

import { assertEquals, assertRejects } from "@std/assert";
import { EraTransport } from "../../../client/era/era_transport.ts";
import { NeverSentError } from "../../../client/connection/send_errors.ts";
import type { JSONRPCMessage, JSONRPCRequest, Transport } from "../../../client/sdk.ts";

type Answers = Readonly<Record<string, object | Error>>;

const INITIALIZE: JSONRPCRequest = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", clientInfo: { name: "c", version: "1" } },
};
const UNKNOWN = { error: { code: -32601, message: "Method not found" } };
const UNSUPPORTED = { error: { code: -32022, message: "Unsupported protocol version" } };
const LEGACY = { result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} } };
const MODERN = { result: { supportedVersions: ["2026-07-28"], capabilities: {} } };

/** A server at the end of the wire: the answers that it gives, and what it has got. */
function serverWith(answers: Answers) {
  const got: JSONRPCMessage[] = [];
  const connect = (): Transport => {
    const transport: Transport = {
      start: () => Promise.resolve(),
      close: () => Promise.resolve(transport.onclose?.()),
      send: (message) => {
        got.push(message);
        if (!("method" in message) || !("id" in message)) return Promise.resolve();
        const answer = answers[message.method];
        if (answer instanceof Error) return Promise.reject(answer);
        const { id } = message;
        // As it may come over the wire.
        if (answer !== undefined) transport.onmessage?.(Object({ jsonrpc: "2.0", id, ...answer }));
        return Promise.resolve();
      },
    };
    return transport;
  };
  const methods = () => got.map((message) => "method" in message ? message.method : "");
  return { connect, got, methods };
}

async function initialized(answers: Answers, prefers: "legacy" | "modern") {
  const server = serverWith(answers);
  const transport = new EraTransport(server.connect, { prefers, listens: false });
  const { promise, resolve } = Promise.withResolvers<JSONRPCMessage>();
  const told: JSONRPCMessage[] = [];
  transport.onmessage = (message) => {
    told.push(message);
    resolve(message);
  };
  await transport.start();
  await transport.send(INITIALIZE);
  return { server, transport, told, answer: await promise };
}

const CASES: readonly [string, "legacy" | "modern", Answers, string[], "legacy" | "modern"][] = [
  ["a legacy server", "legacy", { initialize: LEGACY }, ["initialize"], "legacy"],
  ["a dual server", "legacy", { initialize: LEGACY, "server/discover": MODERN }, [
    "initialize",
  ], "legacy"],
  ["a dual server", "modern", { initialize: LEGACY, "server/discover": MODERN }, [
    "server/discover",
  ], "modern"],
  ["a legacy server", "modern", { initialize: LEGACY, "server/discover": UNKNOWN }, [
    "server/discover",
    "initialize",
  ], "legacy"],
  [
    "a server of another version",
    "modern",
    {
      initialize: LEGACY,
      "server/discover": { result: { supportedVersions: ["2099-01-01"] } },
    },
    ["server/discover", "initialize"],
    "legacy",
  ],
  ["a modern server", "legacy", { initialize: UNSUPPORTED, "server/discover": MODERN }, [
    "initialize",
    "server/discover",
  ], "modern"],
  [
    "a modern server that refuses by a status",
    "legacy",
    {
      initialize: Object.assign(new Error("Bad request"), { code: 400 }),
      "server/discover": MODERN,
    },
    ["initialize", "server/discover"],
    "modern",
  ],
];

for (const [name, prefers, answers, methods, era] of CASES) {
  Deno.test(`EraTransport: finds the era of ${name}, from the ${prefers} one on`, async () => {
    const { server, transport, answer } = await initialized(answers, prefers);
    assertEquals(server.methods(), methods);
    assertEquals("result" in answer && [answer.id, answer.result.protocolVersion], [
      1,
      "2025-11-25",
    ]);
    await transport.send({ jsonrpc: "2.0", id: 2, method: "ping" });
    const isPassedOn = server.methods().length > methods.length;
    assertEquals(isPassedOn, era === "legacy");
  });
}

Deno.test("EraTransport: gives the answer to initialize of a server of no era", async () => {
  const { answer } = await initialized(
    { initialize: UNSUPPORTED, "server/discover": UNKNOWN },
    "legacy",
  );
  assertEquals<unknown>(answer, { jsonrpc: "2.0", id: 1, ...UNSUPPORTED });
});

Deno.test("EraTransport: says that a server cannot be reached, and asks again later", async () => {
  const answers = { "server/discover": new NeverSentError("no server") };
  const server = serverWith(answers);
  const transport = new EraTransport(server.connect, { prefers: "modern", listens: false });
  await transport.start();
  await assertRejects(() => transport.send(INITIALIZE), NeverSentError);
  await assertRejects(() => transport.send(INITIALIZE), NeverSentError);
  assertEquals(server.methods(), ["server/discover", "server/discover"]);
});

Deno.test("EraTransport: goes on with a legacy server that never answers the discovery", async () => {
  const server = serverWith({ initialize: LEGACY });
  const transport = new EraTransport(() => {
    const wire = server.connect();
    const send = wire.send.bind(wire);
    // As over HTTP, where the answer ends the sending.
    wire.send = (message) =>
      "method" in message && message.method === "server/discover"
        ? new Promise(() => {})
        : send(message);
    return wire;
  }, { prefers: "modern", listens: false });
  const { promise, resolve } = Promise.withResolvers<JSONRPCMessage>();
  transport.onmessage = resolve;
  await transport.start();
  await transport.send(INITIALIZE);
  assertEquals<unknown>(await promise, { jsonrpc: "2.0", id: 1, ...LEGACY });
});

Deno.test("EraTransport: sends a legacy server no envelope, and all else as it is", async () => {
  const { server, transport } = await initialized({ initialize: LEGACY }, "legacy");
  const message: JSONRPCMessage = {
    jsonrpc: "2.0",
    id: 2,
    method: "x",
    params: { a: 1, _meta: { "io.modelcontextprotocol/logLevel": "debug", own: 1 } },
  };
  await transport.send(message);
  assertEquals(server.got.at(-1), message);
  const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", own: 1 };
  await transport.send({ ...message, params: { a: 1, _meta: meta } });
  assertEquals<unknown>(server.got.at(-1), { ...message, params: { a: 1, _meta: { own: 1 } } });
});

Deno.test("EraTransport: gives codes, keys and texts of the legacy era", async () => {
  const key = "io.github.mcp-sessions/session";
  const discovery = {
    result: {
      supportedVersions: ["2026-07-28"],
      capabilities: { extensions: { [key]: { version: 2, features: ["create"] } } },
      instructions: "Do",
    },
  };
  const message = `Session required. Call again with its cookie in _meta["${key}"].`;
  const { server, transport, told, answer } = await initialized({
    "server/discover": discovery,
    "session/create": {
      result: { resultType: "complete", id: "s", _meta: { [key]: { id: "s" } } },
    },
    "tools/call": { error: { code: -31002, message, data: { reason: "unknown" } } },
  }, "modern");
  assertEquals("result" in answer && answer.result, {
    protocolVersion: "2025-11-25",
    serverInfo: { name: "", version: "" },
    instructions: "Do",
    capabilities: {
      extensions: { [key]: { version: 2, features: ["create"] } },
      experimental: { session: { version: 2, features: ["create"] } },
    },
  });
  await transport.send({ jsonrpc: "2.0", id: 2, method: "session/create" });
  const result = { id: "s", _meta: { "mcp/session": { id: "s" } } };
  assertEquals<unknown>(told.at(-1), { jsonrpc: "2.0", id: 2, result });
  const params = { name: "x", _meta: { "mcp/session": { id: "s" } } };
  await transport.send({ jsonrpc: "2.0", id: 3, method: "tools/call", params });
  const sent = server.got.at(-1);
  assertEquals("method" in Object(sent) && Object(sent).params._meta[key], { id: "s" });
  const error = {
    code: -32002,
    message: message.replace(key, "mcp/session"),
    data: { reason: "unknown" },
  };
  assertEquals<unknown>(told.at(-1), { jsonrpc: "2.0", id: 3, error });
});

Deno.test("EraTransport: a discovery that failed says nothing of the server that is there later", async () => {
  const down = Object.assign(new Error("Bad gateway"), { code: 502 });
  const answers: Record<string, object | Error> = { "server/discover": down, initialize: down };
  const server = serverWith(answers);
  const transport = new EraTransport(server.connect, { prefers: "modern", listens: false });
  const told: JSONRPCMessage[] = [];
  transport.onmessage = (message) => told.push(message);
  await transport.start();
  await assertRejects(() => transport.send(INITIALIZE), Error, "Bad gateway");
  Object.assign(answers, { "server/discover": MODERN, initialize: UNSUPPORTED });
  await transport.send(INITIALIZE);
  const [answer] = told;
  assertEquals(told.length, 1);
  assertEquals(answer !== undefined && "result" in answer && answer.result.capabilities, {});
});
