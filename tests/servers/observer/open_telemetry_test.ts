/** Spans and durations of requests, as a collector gets them. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { CONNECTIONS, ObservedClient } from "../../support/observer/observed_client.ts";
import { OtlpReceiver, type ReceivedSpan } from "../../support/observer/otlp_receiver.ts";
import { envelope } from "../../support/servers/modern_wire.ts";
import { startServer, StdioServer } from "../../support/servers/server.ts";

const SERVER = 2;
const ERROR = 2;
const UNSET = 0;
const ID = `sess-${"0123456789abcdef".repeat(2)}`;
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;
const BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const ERAS = ["legacy", "modern"] as const;

/** The span of the HTTP request that a request came in, by the span of the latter. */
function httpSpanOf(receiver: OtlpReceiver, spanId: string | undefined): ReceivedSpan | undefined {
  return receiver.spans.find((span) => span.spanId === spanId && span.name === "POST");
}

for (const [name, transport, flags] of CONNECTIONS) {
  Deno.test(`OpenTelemetry over ${name}: a span has the name, parent, link and attributes of the convention`, async () => {
    await using receiver = OtlpReceiver.open();
    await using client = await ObservedClient.start(transport, flags, receiver.env);
    for (const era of ERAS) {
      for (const traceparent of [TRACEPARENT, undefined, "junk"]) {
        const own = traceparent === undefined ? {} : { traceparent };
        const _meta = era === "modern" ? envelope(own) : own;
        const { result } = await client[era]("tools/call", { name: "traced", _meta });
        assertEquals(result?.isError, undefined);
      }
    }
    const lastId = client.id;
    assertEquals(await client.server.stop(), 0);
    const spans = receiver.requests.filter(({ name }) => name !== "initialize");
    assertEquals(spans.length, 6);
    for (const [index, span] of spans.entries()) {
      const era = ERAS[Math.floor(index / 3)];
      assertEquals([span.name, span.kind, span.status?.code], ["tools/call traced", SERVER, UNSET]);
      const { "mcp_sessions.session": key, ...attributes } = span.attributes;
      assertMatch(`${key}`, /^[0-9a-f]{16}$/);
      assertEquals(attributes, {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "traced",
        "gen_ai.operation.name": "execute_tool",
        ...(era === "modern" && { "mcp.protocol.version": "2026-07-28" }),
        "network.transport": transport === "http" ? "tcp" : "pipe",
        ...(transport === "http" && { "client.address": "127.0.0.1" }),
        "jsonrpc.request.id": `${lastId - 5 + index}`,
        "mcp_sessions.via": "created",
      });
      if (index % 3 === 0) {
        assertEquals([span.traceId, span.parentSpanId], [TRACE, PARENT]);
        const linked = span.links.map(({ spanId }) => httpSpanOf(receiver, spanId)?.traceId);
        assertEquals(linked, transport === "http" ? [span.links[0]?.traceId] : []);
        assert(linked.every((traceId) => traceId !== undefined && traceId !== TRACE));
      } else {
        assertEquals(span.links, []);
        if (transport === "stdio") assertEquals(span.parentSpanId ?? "", "");
        else assertEquals(httpSpanOf(receiver, span.parentSpanId)?.traceId, span.traceId);
      }
      const inner = receiver.spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
      assertEquals(inner.map(({ name, traceId }) => [name, traceId]), [["own span", span.traceId]]);
    }
  });

  Deno.test(`OpenTelemetry over ${name}: a failed request has its code, or that its tool has failed`, async () => {
    await using receiver = OtlpReceiver.open();
    await using client = await ObservedClient.start(transport, flags, receiver.env);
    for (const era of ERAS) {
      await client[era]("made/up");
      await client[era]("prompts/get", { name: "nothing" });
      await client[era]("tools/call", { name: "fail" });
      await client[era]("tools/list");
      await client[era]("tools/call", { name: "fail" });
      await client[era]("resources/read", { uri: `test://${ID}` });
    }
    await client.server.stop();
    const seen = receiver.requests.filter(({ name }) => name !== "initialize").map((span) => [
      span.name,
      span.status?.code,
      span.attributes["error.type"],
      span.attributes["rpc.response.status_code"],
    ]);
    const failed = ["tools/call fail", ERROR, "tool_error", undefined];
    const expected = [
      ["_OTHER", ERROR, "-32601", "-32601"],
      ["prompts/get", ERROR, "-32602", "-32602"],
      ["tools/call", ERROR, "tool_error", undefined],
      ["tools/list", UNSET, undefined, undefined],
      failed,
    ];
    const [legacy, modern] = [seen.slice(0, 6), seen.slice(6)];
    const unread = ["resources/read", ERROR, "-32602", "-32602"];
    assertEquals(legacy, [...expected, unread]);
    // By then the tool is known.
    const known = expected.with(2, failed);
    assertEquals(modern, [...known, unread]);
    const uris = receiver.requests.map(({ attributes }) => attributes["mcp.resource.uri"]);
    assertEquals(uris.filter((uri) => uri !== undefined), Array(2).fill("test://sess-01234567…"));
  });

  Deno.test(`OpenTelemetry over ${name}: no name or id of a caller becomes a label`, async () => {
    await using receiver = OtlpReceiver.open();
    await using client = await ObservedClient.start(transport, flags, receiver.env);
    const { result } = await client.legacy("session/create");
    const cookie = result?._meta?.["mcp/session"];
    assert(cookie);
    await client.legacy("tools/call", { name: "count", _meta: { "mcp/session": cookie } });
    for (let number = 0; number < 20; number++) {
      const made = `made-up-${number}`;
      const version = { "io.modelcontextprotocol/protocolVersion": `2099-${made}` };
      for (const era of ERAS) {
        await client[era](made);
        await client[era]("tools/call", { name: made });
        await client[era]("prompts/get", { name: made });
        await client[era]("resources/read", { uri: made });
      }
      if (transport === "stdio") await client.modern("tools/list", { _meta: envelope(version) });
    }
    await client.server.stop();
    const histograms = receiver.histograms.filter(({ name }) => name.startsWith("mcp."));
    const { name, unit, points } = histograms.at(-1) ?? {};
    assertEquals([name, unit], ["mcp.server.operation.duration", "s"]);
    assert(points !== undefined);
    assertEquals(points[0]?.explicitBounds, BUCKETS);
    const counted = points.reduce((sum, { count }) => sum + count, 0);
    assertEquals(counted, receiver.requests.length);
    assert(points.length <= 12, `${points.length} sets of labels`);
    const labels = JSON.stringify(points.map(({ attributes }) => attributes));
    assertEquals(/made-up|2099|sess-|[0-9a-f]{16}/.exec(labels), null);
    const names = new Set(receiver.requests.map(({ name }) => name));
    assertEquals([...names].filter((name) => name.includes("made-up")), []);
    assert(receiver.text.includes("count"));
    assertEquals(receiver.text.includes(cookie.id), false);
  });
}

Deno.test("OpenTelemetry: a context that a caller has made up costs its call nothing, and no line of the log", async () => {
  await using receiver = OtlpReceiver.open();
  await using client = await ObservedClient.start("stdio", [], receiver.env);
  const long = Array.from({ length: 2000 }, (_, at) => `key-${at}=value`).join();
  const contexts = ["a=%zz", "a=%ff,b=c", "%", "=", "\u0000\r\n\u202e\ud800", long, `a=${long}`];
  for (const baggage of contexts) {
    const _meta = { traceparent: TRACEPARENT, tracestate: baggage, baggage };
    const { result } = await client.legacy("tools/call", { name: "traced", _meta });
    assertEquals(result?.isError, undefined);
  }
  await client.server.stop();
  assertEquals(client.server.stderr.filter((line) => !line.startsWith("{")), []);
  const traces = receiver.requests.map(({ traceId, parentSpanId }) => [traceId, parentSpanId]);
  assertEquals(traces, Array(contexts.length).fill([TRACE, PARENT]));
});

Deno.test("OpenTelemetry on stdio: requests that come while the modern era is loaded keep their own spans", async () => {
  await using receiver = OtlpReceiver.open();
  await using client = await ObservedClient.start("stdio", [], receiver.env);
  const { server } = client;
  assert(server instanceof StdioServer);
  const ids = ["one", "two", "three"];
  const replies = ids.map((id) => server.expect(id));
  await server.write(
    ids.map((id) => {
      const params = { name: "traced", _meta: envelope() };
      return `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params })}\n`;
    }).join(""),
  );
  await Promise.all(replies);
  await server.stop();
  const parents = receiver.requests.map(({ spanId }) => spanId);
  const children = receiver.spans.filter(({ name }) => name === "own span");
  assertEquals(children.map(({ parentSpanId }) => parentSpanId).toSorted(), parents.toSorted());
});

Deno.test("OpenTelemetry: a subscription that its client ends is no failure", async () => {
  await using receiver = OtlpReceiver.open();
  await using client = await ObservedClient.start("stdio", [], receiver.env);
  const { server } = client;
  assert(server instanceof StdioServer);
  const params = { notifications: { toolsListChanged: true }, _meta: envelope() };
  const listen = { jsonrpc: "2.0", id: "x", method: "subscriptions/listen", params };
  await server.write(`${JSON.stringify(listen)}\n`);
  await server.notify("notifications/cancelled", { requestId: "x" });
  await client.last(1);
  await server.stop();
  const [span] = receiver.requests;
  assertEquals([span?.name, span?.status?.code], ["subscriptions/listen", UNSET]);
  assertEquals(span?.attributes["mcp_sessions.cancelled"], true);
  assertEquals(span?.attributes["error.type"], undefined);
});

Deno.test("OpenTelemetry: a server that may not read OTEL_DENO, or is told nothing, has no spans", async () => {
  await using receiver = OtlpReceiver.open();
  const { OTEL_DENO: _, ...off } = receiver.env;
  for (const [env, permissions] of [[receiver.env, ["--no-prompt"]], [off, undefined]] as const) {
    await using server = await startServer({
      server: "notebook",
      transport: "stdio",
      env,
      ...(permissions && { permissions: [...permissions] }),
    });
    await server.create();
    assertEquals(await server.stop(), 0);
    assertEquals([receiver.requests, server.stderr], [[], []]);
  }
});

Deno.test("OpenTelemetry: OTEL_DENO in capitals, which Deno takes, gives spans of requests too", async () => {
  await using receiver = OtlpReceiver.open();
  await using client = await ObservedClient.start("stdio", [], {
    ...receiver.env,
    OTEL_DENO: "TRUE",
  });
  await client.legacy("tools/list");
  await client.server.stop();
  assertEquals(receiver.requests.map(({ name }) => name), ["tools/list"]);
});

Deno.test("OpenTelemetry: a sampler that takes nothing leaves the durations", async () => {
  await using receiver = OtlpReceiver.open();
  const sampler = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" };
  await using client = await ObservedClient.start("stdio", [], { ...receiver.env, ...sampler });
  await client.legacy("tools/list");
  await client.server.stop();
  assertEquals(receiver.requests, []);
  assertEquals(
    receiver.histograms.some(({ name }) => name === "mcp.server.operation.duration"),
    true,
  );
});
