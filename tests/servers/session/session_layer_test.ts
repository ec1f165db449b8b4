import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type JSONRPCMessage,
  sessionLayer,
  type SessionPolicy,
  StatelessHttpTransport,
  type Transport,
  type TransportSendOptions,
} from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";

/** A transport that records what is asked of it. */
class Wire implements Transport {
  readonly asked: unknown[] = [];
  sessionId: string | undefined = "transport session";
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];

  start(): Promise<void> {
    this.asked.push("start");
    return Promise.resolve();
  }
  send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    this.asked.push([message, options]);
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.asked.push("close");
    return Promise.resolve();
  }
  setProtocolVersion(version: string): void {
    this.asked.push(version);
  }
}

// A member that a later SDK adds does not type-check here until a test below holds it.
const forwarded: Record<keyof Transport, true> = {
  start: true,
  send: true,
  close: true,
  onclose: true,
  onerror: true,
  onmessage: true,
  sessionId: true,
  setProtocolVersion: true,
};

const decorators: Record<string, (transport: Transport) => Transport> = {
  sessionLayer: (transport) => sessionLayer(transport, { store: new MemoryStore() }),
  "sessionLayer with handles": (transport) =>
    sessionLayer(transport, { store: new MemoryStore(), handles: "always" }),
};

for (const [name, decorate] of Object.entries(decorators)) {
  Deno.test(`${name}: forwards every member of the transport that it decorates`, async () => {
    const wire = new Wire();
    const heard: unknown[] = [];
    wire.onclose = () => heard.push("the wire's own onclose");
    wire.onerror = () => heard.push("the wire's own onerror");
    const decorated = decorate(wire);
    for (const member of Object.keys(forwarded)) assertEquals(member in decorated, true, member);

    decorated.onclose = () => heard.push("onclose");
    decorated.onerror = (error) => heard.push(error.message);
    decorated.onmessage = (message, extra) => heard.push(message, extra);
    await decorated.start();
    decorated.setProtocolVersion?.("2025-11-25");
    const message = { jsonrpc: "2.0", method: "notifications/progress" } as const;
    const options = { relatedRequestId: "7", resumptionToken: "token", onresumptiontoken() {} };
    await decorated.send(message, options);
    await decorated.close();
    assertEquals(wire.asked, ["start", "2025-11-25", [message, options], "close"]);
    assertEquals(decorated.sessionId, "transport session");
    wire.sessionId = undefined;
    assertEquals(decorated.sessionId, undefined);

    const extra = { requestInfo: { headers: { "x-header": "value" } } };
    wire.onmessage?.(message, extra);
    wire.onerror?.(new Error("onerror"));
    wire.onclose?.();
    assertEquals(heard, [
      message,
      extra,
      "the wire's own onerror",
      "onerror",
      "the wire's own onclose",
      "onclose",
    ]);
    assertStrictEquals(heard[1], extra);
  });
}

Deno.test("sessionLayer: does not change the caller's messages, and keeps the rest of _meta", async () => {
  const wire = new Wire();
  const store = new MemoryStore();
  const layer = sessionLayer(wire, { store, policy: "auto" });
  const seen: JSONRPCMessage[] = [];
  const delivered = Promise.withResolvers<void>();
  layer.onmessage = (message) => {
    seen.push(message);
    delivered.resolve();
  };
  const call = {
    jsonrpc: "2.0",
    id: "7",
    method: "tools/call",
    params: { name: "x", _meta: { progressToken: 1, other: "kept", "mcp/session": { id: "x" } } },
  } as const;
  const before = structuredClone<JSONRPCMessage>(call);
  wire.onmessage?.(call);
  await delivered.promise;
  assertEquals(seen, [before]);

  const reply = { jsonrpc: "2.0", id: "7", result: { _meta: { "a/b": 1 }, content: [] } } as const;
  const replyBefore = structuredClone<JSONRPCMessage>(reply);
  await layer.send(reply);
  assertEquals<JSONRPCMessage>(reply, replyBefore);
  assertEquals(wire.asked, [[
    { ...reply, result: { content: [], _meta: { "a/b": 1, "mcp/session": null } } },
    undefined,
  ]]);
  await layer.close();
});

Deno.test("sessionLayer: refuses an invalid policy or lifetime", () => {
  const layer = (options: object) =>
    sessionLayer(new Wire(), { store: new MemoryStore(), ...options });
  // As from a program that is not type-checked.
  const misspelt: SessionPolicy = JSON.parse('"requierd"');
  assertThrows(() => layer({ policy: misspelt }), TypeError, "requierd");
  assertThrows(() => layer({ tools: { tool: misspelt } }), TypeError, "requierd");
  for (const ms of [0, -5, NaN, Infinity, 1.5, 1e20]) {
    assertThrows(() => layer({ ttlMs: ms }), RangeError, "ttlMs");
  }
  assertThrows(() => layer({ maxAgeMs: 0 }), RangeError, "maxAgeMs");
});

Deno.test("StatelessHttpTransport: answers 503 when no server is connected to it", async () => {
  const transport = new StatelessHttpTransport();
  const ping = () =>
    transport.fetch(
      new Request("http://localhost/mcp", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      }),
    );
  assertEquals((await ping()).status, 503);
  transport.onmessage = () => {};
  await transport.close();
  assertEquals((await ping()).status, 503);
});
