/**
 * What the server asks of the client: each question has its own answer, over whatever connection.
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type SessionTransport, withSession } from "../../../client/mod.ts";
import {
  isRequest,
  isResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
  type Transport,
} from "../../../client/sdk.ts";

/** A connection whose other end is the test. */
class Wire implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  sessionId?: string;
  readonly sent: JSONRPCMessage[] = [];
  /** Does something in the context of the request's answer stream. */
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

  /** A question of the server's. */
  ask(id: RequestId, message: string, more: Record<string, unknown> = {}): void {
    const params = { message, ...more };
    this.onmessage?.({ jsonrpc: "2.0", id, method: "elicitation/create", params });
  }

  /** What has come of replies. */
  get replies(): JSONRPCMessage[] {
    return this.sent.filter((message) =>
      isResponse(message) || message.method === "notifications/progress"
    );
  }
}

const SERVER = { name: "asks", version: "1" };

/** A client without any SDK, and the connections that it has made. */
class Asked {
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

  static async connect(): Promise<Asked> {
    const asked = new Asked();
    await asked.transport.start();
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: SERVER };
    await asked.request("initialize", params);
    await asked.transport.send({ jsonrpc: "2.0", method: "notifications/initialized" });
    return asked;
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

  /** The question that says this, as the client got it. */
  question(message: string): JSONRPCRequest {
    const found = this.got.find((each) => isRequest(each) && each.params?.message === message);
    assert(found !== undefined && isRequest(found));
    return found;
  }

  /** The questions that were taken back, by the ids that the client knows. */
  get withdrawn(): unknown[] {
    return this.got.flatMap((message) =>
      "method" in message && message.method === "notifications/cancelled"
        ? [message.params?.requestId]
        : []
    );
  }
}

Deno.test("withSession: a late answer to a dead server is not its successor's", async () => {
  const asked = await Asked.connect();
  asked.wire(0).ask(0, "May I list the files?", { _meta: { progressToken: 0 } });
  asked.wire(0).onclose?.();
  await asked.request("tools/list");
  asked.wire(1).ask(0, "May I DELETE everything?", { _meta: { progressToken: 0 } });
  const [first, second] = [
    asked.question("May I list the files?"),
    asked.question("May I DELETE everything?"),
  ];
  assertNotEquals(first.id, second.id);
  assertEquals(asked.withdrawn, [first.id]);
  await asked.progress(first.params?._meta?.progressToken, 1);
  await asked.answer(first.id, "accept");
  await asked.answer(0, "accept");
  assertEquals(asked.wire(1).replies, []);

  await asked.progress(second.params?._meta?.progressToken, 1);
  await asked.answer(second.id, "decline");
  await asked.answer(second.id, "accept");
  await asked.progress(second.params?._meta?.progressToken, 2);
  assertEquals<unknown>(asked.wire(1).replies, [
    {
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: 0, progress: 1 },
    },
    { jsonrpc: "2.0", id: 0, result: { action: "decline" } },
  ]);
  assertEquals(asked.wire(0).replies, []);
});

Deno.test("withSession: an answer goes to the one of two live connections that asked", async () => {
  const asked = await Asked.connect();
  const [old] = asked.wires;
  assert(old);
  old.sessionId = "transport session";
  let refused = false;
  old.during = ({ method }) => {
    // A call is in flight, so the connection lives on when the server knows its session no more.
    if (method === "tools/call") return;
    refused = true;
    throw Object.assign(new Error("Session not found"), { code: 404 });
  };
  await asked.request("tools/call", { name: "long" });
  old.ask(0, "old?");
  await asked.request("tools/list");
  assert(refused);
  asked.wire(1).ask(0, "new?");
  old.ask(1, "old again?");
  assertEquals(asked.withdrawn, [asked.question("old?").id]);
  await asked.answer(asked.question("old?").id, "accept");
  await asked.answer(asked.question("new?").id, "decline");
  await asked.answer(asked.question("old again?").id, "cancel");
  assertEquals<unknown>(asked.wire(1).replies, [
    { jsonrpc: "2.0", id: 0, result: { action: "decline" } },
  ]);
  assertEquals<unknown>(old.replies, [{ jsonrpc: "2.0", id: 1, result: { action: "cancel" } }]);
});

Deno.test("withSession: a question is void once its id is used again, or its stream has broken", async () => {
  const asked = await Asked.connect();
  const wire = asked.wire(0);
  wire.ask(0, "before");
  wire.ask(0, "after");
  assertEquals(asked.withdrawn, [asked.question("before").id]);
  await asked.answer(asked.question("before").id, "accept");
  assertEquals(wire.replies, []);

  // Without a transport session a restarted server is behind the same connection.
  wire.during = async () => {
    wire.ask(1, "on the stream");
    await Promise.resolve();
    wire.onerror?.(new Error("SSE stream disconnected: it broke"));
  };
  await asked.request("tools/call", { name: "ask" });
  const { id } = asked.question("on the stream");
  assertEquals(asked.withdrawn.slice(1), [id]);
  await asked.answer(id, "accept");
  assertEquals(wire.replies, []);
  await asked.answer(asked.question("after").id, "decline");
  assertEquals<unknown>(wire.replies, [{ jsonrpc: "2.0", id: 0, result: { action: "decline" } }]);
});

Deno.test("withSession: ids keep their type, and a server can take its question back", async () => {
  const asked = await Asked.connect();
  const wire = asked.wire(0);
  const ids = [0, "0", 7, "x"];
  for (const id of ids) wire.ask(id, `question ${JSON.stringify(id)}`);
  const cancel = (requestId: RequestId) => {
    const params = { requestId, reason: "enough" };
    wire.onmessage?.({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  };
  cancel(7);
  // Nobody has asked that.
  cancel(1);
  assertEquals(asked.withdrawn, [asked.question("question 7").id]);
  for (const id of ids) {
    await asked.answer(asked.question(`question ${JSON.stringify(id)}`).id, "accept");
  }
  const answered = wire.replies.map((message) => isResponse(message) && message.id);
  assertEquals<unknown>(answered, [0, "0", "x"]);
});

Deno.test("withSession: progress of a task goes on after the answer, and ends with the connection", async () => {
  const asked = await Asked.connect();
  const _meta = { progressToken: "t" };
  asked.wire(0).ask(0, "task", { task: { ttl: 1000 }, _meta });
  const { id, params } = asked.question("task");
  await asked.answer(id, "accept");
  await asked.progress(params?._meta?.progressToken, 1);
  assertEquals<unknown>(asked.wire(0).replies.at(-1), {
    jsonrpc: "2.0",
    method: "notifications/progress",
    params: { progressToken: "t", progress: 1 },
  });
  asked.wire(0).onclose?.();
  await asked.request("tools/list");
  await asked.progress(params?._meta?.progressToken, 2);
  assertEquals(asked.wire(1).replies, []);
});
