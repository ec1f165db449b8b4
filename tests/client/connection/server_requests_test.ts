/** The server's requests to the client: each gets its own answer, over whatever connection. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type SessionTransport, withSession } from "../../../client/mod.ts";
import { isRequest, isResponse } from "../../../jsonrpc/transport.ts";
import type { JSONRPCMessage, JSONRPCRequest, RequestId, Transport } from "../../../client/sdk.ts";

/** A transport whose other end is the test. */
class Wire implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  sessionId?: string;
  readonly sent: JSONRPCMessage[] = [];
  /** Called in the context of the request's answer stream. */
  during: (request: JSONRPCRequest) => void | Promise<void> = () => {};

  start(): Promise<void> {
    return Promise.resolve();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.sent.push(message);
    if (!isRequest(message)) return;
    if (message.method !== "initialize") return await this.during(message);
    const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: SERVER };
    this.onmessage?.({ jsonrpc: "2.0", id: message.id, result });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Sends a request of the server. */
  ask(id: RequestId, message: string, more: Record<string, unknown> = {}): void {
    const params = { message, ...more };
    this.onmessage?.({ jsonrpc: "2.0", id, method: "elicitation/create", params });
  }

  /** The responses and progress that the server got. */
  get replies(): JSONRPCMessage[] {
    return this.sent.filter((message) =>
      isResponse(message) || message.method === "notifications/progress"
    );
  }
}

const SERVER = { name: "asks", version: "1" };

const reply = (id: RequestId, action: string) => ({ jsonrpc: "2.0", id, result: { action } });
const progressed = (progressToken: unknown, progress: number) => ({
  jsonrpc: "2.0",
  method: "notifications/progress",
  params: { progressToken, progress },
});

/** A client without an SDK, and its connections. */
class RawClient {
  readonly wires: Wire[] = [];
  readonly got: JSONRPCMessage[] = [];
  readonly transport: SessionTransport;

  private constructor() {
    this.transport = withSession(() => {
      const wire = new Wire();
      this.wires.push(wire);
      return wire;
    });
    this.transport.onmessage = (message) => void this.got.push(message);
  }

  static async connect(): Promise<RawClient> {
    const client = new RawClient();
    await client.transport.start();
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: SERVER };
    await client.request("initialize", params);
    await client.transport.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return client;
  }

  request(method: string, params: Record<string, unknown> = {}): Promise<void> {
    return this.transport.send({ jsonrpc: "2.0", id: crypto.randomUUID(), method, params });
  }

  answer(id: RequestId, action: string): Promise<void> {
    return this.transport.send({ jsonrpc: "2.0", id, result: { action } });
  }

  progress(progressToken: unknown, progress: number): Promise<void> {
    const params = { progressToken, progress };
    return this.transport.send({ jsonrpc: "2.0", method: "notifications/progress", params });
  }

  wire(index: number): Wire {
    const wire = this.wires[index];
    assert(wire);
    return wire;
  }

  /** The server's request with this message, as the client got it. */
  question(message: string): JSONRPCRequest {
    const found = this.got.find((each) => isRequest(each) && each.params?.message === message);
    assert(found !== undefined && isRequest(found));
    return found;
  }

  /** The ids of the cancelled requests, as the client knows them. */
  get withdrawn(): unknown[] {
    return this.got.flatMap((message) =>
      "method" in message && message.method === "notifications/cancelled"
        ? [message.params?.requestId]
        : []
    );
  }
}

Deno.test("ServerRequests: a late answer to a dead server does not reach its successor", async () => {
  const client = await RawClient.connect();
  client.wire(0).ask(0, "May I list the files?", { _meta: { progressToken: 0 } });
  client.wire(0).onclose?.();
  await client.request("tools/list");
  client.wire(1).ask(0, "May I DELETE everything?", { _meta: { progressToken: 0 } });
  const [first, second] = [
    client.question("May I list the files?"),
    client.question("May I DELETE everything?"),
  ];
  assertNotEquals(first.id, second.id);
  assertEquals(client.withdrawn, [first.id]);
  await client.progress(first.params?._meta?.progressToken, 1);
  await client.answer(first.id, "accept");
  await client.answer(0, "accept");
  assertEquals(client.wire(1).replies, []);

  await client.progress(second.params?._meta?.progressToken, 1);
  await client.answer(second.id, "decline");
  await client.answer(second.id, "accept");
  await client.progress(second.params?._meta?.progressToken, 2);
  assertEquals<unknown>(client.wire(1).replies, [
    progressed(0, 1),
    reply(0, "decline"),
  ]);
  assertEquals(client.wire(0).replies, []);
});

Deno.test("ServerRequests: an answer goes to the one of two live connections that asked", async () => {
  const client = await RawClient.connect();
  const [old] = client.wires;
  assert(old);
  old.sessionId = "transport session";
  let refused = false;
  old.during = ({ method }) => {
    // A call is in flight, so the connection drains when the server has lost the transport session.
    if (method === "tools/call") return;
    refused = true;
    throw Object.assign(new Error("Session not found"), { code: 404 });
  };
  await client.request("tools/call", { name: "long" });
  old.ask(0, "old?");
  await client.request("tools/list");
  assert(refused);
  client.wire(1).ask(0, "new?");
  old.ask(1, "old again?");
  assertEquals(client.withdrawn, [client.question("old?").id]);
  await client.answer(client.question("old?").id, "accept");
  await client.answer(client.question("new?").id, "decline");
  await client.answer(client.question("old again?").id, "cancel");
  assertEquals<unknown>(client.wire(1).replies, [reply(0, "decline")]);
  assertEquals<unknown>(old.replies, [reply(1, "cancel")]);
});

Deno.test("ServerRequests: cancels a request whose id is used again, or whose stream has broken", async () => {
  const client = await RawClient.connect();
  const wire = client.wire(0);
  wire.ask(0, "before");
  wire.ask(0, "after");
  assertEquals(client.withdrawn, [client.question("before").id]);
  await client.answer(client.question("before").id, "accept");
  assertEquals(wire.replies, []);

  // Without a transport session a restarted server is behind the same connection.
  wire.during = async () => {
    wire.ask(1, "on the stream");
    await Promise.resolve();
    wire.onerror?.(new Error("SSE stream disconnected: it broke"));
  };
  await client.request("tools/call", { name: "ask" });
  const { id } = client.question("on the stream");
  assertEquals(client.withdrawn.slice(1), [id]);
  await client.answer(id, "accept");
  assertEquals(wire.replies, []);
  await client.answer(client.question("after").id, "decline");
  assertEquals<unknown>(wire.replies, [reply(0, "decline")]);
});

Deno.test("ServerRequests: keeps the type of ids, and lets a server cancel its request", async () => {
  const client = await RawClient.connect();
  const wire = client.wire(0);
  const ids = [0, "0", 7, "x"];
  for (const id of ids) wire.ask(id, `question ${JSON.stringify(id)}`);
  const cancel = (requestId: RequestId) => {
    const params = { requestId, reason: "enough" };
    wire.onmessage?.({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  };
  cancel(7);
  // An id without a request.
  cancel(1);
  assertEquals(client.withdrawn, [client.question("question 7").id]);
  for (const id of ids) {
    await client.answer(client.question(`question ${JSON.stringify(id)}`).id, "accept");
  }
  const answered = wire.replies.map((message) => isResponse(message) && message.id);
  assertEquals<unknown>(answered, [0, "0", "x"]);
});

Deno.test("ServerRequests: progress of a task goes on after the answer, and ends with the connection", async () => {
  const client = await RawClient.connect();
  const _meta = { progressToken: "t" };
  client.wire(0).ask(0, "task", { task: { ttl: 1000 }, _meta });
  const { id, params } = client.question("task");
  await client.answer(id, "accept");
  await client.progress(params?._meta?.progressToken, 1);
  assertEquals<unknown>(client.wire(0).replies.at(-1), progressed("t", 1));
  client.wire(0).onclose?.();
  await client.request("tools/list");
  await client.progress(params?._meta?.progressToken, 2);
  assertEquals(client.wire(1).replies, []);
});
