/** Requests of the modern era over HTTP: statuses, event streams, and clients that go. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type McpServer, sessionLayer, type Transport } from "../../../servers/base/mod.ts";
import { wireIdOf } from "../../../servers/base/era/caller.ts";
import { type EraSendOptions, isEraTransport } from "../../../servers/base/era/era_transport.ts";
import { StatefulHttpServer } from "../../../servers/base/http/stateful_transport.ts";
import { StatelessEndpoint } from "../../../servers/base/http/stateless_endpoint.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { newServer } from "../../support/servers/in_process.ts";
import {
  envelope,
  EXTENSION,
  modernHeaders,
  modernRequest,
  postModern,
} from "../../support/servers/modern_wire.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { messagesOf, opened, post, request, startServer } from "../../support/servers/server.ts";

const KNOWS = envelope({}, { extensions: { [EXTENSION]: { version: 2 } } });
const DEAD = { id: `sess-${"0".repeat(32)}` };
const OTHER = { id: `sess-${"1".repeat(32)}` };
const READ = { name: "notebook_read" };

/** Answers to modern requests of a server without handles. */
const ANSWERS: readonly [
  why: string,
  method: string,
  params: Record<string, unknown>,
  status: number,
  code: number | undefined,
][] = [
  ["a discovery", "server/discover", {}, 200, undefined],
  ["a list", "tools/list", {}, 200, undefined],
  ["an unknown method", "nothing/such", {}, 404, -32601],
  ["a removed method", "ping", {}, 404, -32601],
  ["a removed handshake", "initialize", {}, 404, -32601],
  ["a missing capability", "tools/call", READ, 400, -32021],
  ["a missing session", "tools/call", { ...READ, _meta: KNOWS }, 200, -31002],
  [
    "a dead cookie under the old key",
    "tools/call",
    { ...READ, _meta: envelope({ "mcp/session": DEAD }) },
    200,
    -31002,
  ],
  [
    "two cookies",
    "tools/call",
    { ...READ, _meta: envelope({ "mcp/session": DEAD, [EXTENSION]: OTHER }) },
    200,
    -32602,
  ],
  ["no envelope", "server/discover", { _meta: {} }, 400, -32602],
  [
    "no capabilities",
    "tools/list",
    { _meta: envelope({ "io.modelcontextprotocol/clientCapabilities": null }) },
    400,
    -32602,
  ],
];

for (const flags of [[], ["--stateful"]]) {
  const name = ["http", ...flags].join(" ");

  Deno.test(`modern requests over ${name}: have the status of their answer`, async () => {
    const all = [...flags, "--handles", "never"];
    await using server = await startServer({ server: "notebook", transport: "http", flags: all });
    for (const [why, method, params, status, code] of ANSWERS) {
      const response = await postModern(server.url, method, params);
      const [message] = await messagesOf(response);
      assertEquals([response.status, message?.error?.code, message?.id], [status, code, 1], why);
      assertEquals(response.headers.get("mcp-session-id"), null);
    }
    const version = "2099-01-01";
    const _meta = envelope({ "io.modelcontextprotocol/protocolVersion": version });
    const headers = { "mcp-protocol-version": version };
    const unknown = await postModern(server.url, "tools/list", { _meta }, headers);
    const { error } = await unknown.json();
    assertEquals([unknown.status, error.code], [400, -32022]);
    assertEquals(error.data, { supported: ["2026-07-28"], requested: version });
  });
}

type Connect = (transport: Transport) => Promise<McpServer>;
type Options = NonNullable<ConstructorParameters<typeof StatelessEndpoint>[0]>;

const ENDPOINTS = {
  async http(connect: Connect, options: Options) {
    const endpoint = new StatelessEndpoint(options);
    await connect(endpoint);
    return endpoint;
  },
  async "http --stateful"(connect: Connect, options: Options) {
    const endpoint = new StatefulHttpServer(connect, options);
    await endpoint.start();
    return endpoint;
  },
};

/** Calls of tools that end when they are finished, by their tool's name. */
class Calls {
  readonly #calls = new Map<string, ReturnType<typeof newCall>>();

  of(tool: string) {
    const call = this.#calls.get(tool) ?? newCall();
    this.#calls.set(tool, call);
    return call;
  }

  readonly connect: Connect = async (transport) => {
    const server = newServer();
    for (const tool of ["legacy", "modern"]) {
      server.registerTool(tool, {}, async ({ signal }) => {
        const call = this.of(tool);
        signal.addEventListener("abort", () => call.cancelled.resolve());
        call.begun.resolve(signal);
        await Promise.race([call.finished.promise, call.cancelled.promise]);
        return { content: [{ type: "text", text: "done" }] };
      });
    }
    await server.connect(sessionLayer(transport, { store: this.store, policy: "optional" }));
    return server;
  };

  readonly store = new MemoryStore();
}

const newCall = () => ({
  begun: Promise.withResolvers<AbortSignal>(),
  cancelled: Promise.withResolvers<void>(),
  finished: Promise.withResolvers<void>(),
});

for (const [name, start] of Object.entries(ENDPOINTS)) {
  /** Serves until disposed. An answer becomes a stream soon. */
  const serve = async (connect: Connect, options: Options = {}) => {
    const endpoint = await start(connect, { keepAliveMs: 10, ...options });
    const http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => endpoint.fetch(request),
    );
    return {
      url: `http://127.0.0.1:${http.addr.port}/`,
      endpoint,
      async [Symbol.asyncDispose]() {
        endpoint.stop();
        await http.shutdown();
        await endpoint.close();
      },
    };
  };

  Deno.test(`modern requests over ${name}: a long one is answered by an event stream, long before it is kept alive`, async () => {
    const calls = new Calls();
    await using server = await serve(calls.connect, { keepAliveMs: 86_400_000 });
    const response = await postModern(server.url, "tools/call", { name: "modern" });
    calls.of("modern").finished.resolve();
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    assertEquals(response.headers.get("x-accel-buffering"), "no");
    const text = await response.text();
    assertMatch(text, /^: keep-alive\n\nevent: message\ndata: \{.*"done".*\}\n\n$/);
  });

  Deno.test(`modern requests over ${name}: a client that goes cancels its call, a legacy one does not`, async () => {
    const calls = new Calls();
    await using server = await serve(calls.connect, { limits: { requests: 2 } });
    const session = await opened(server.url);
    const legacy = await RawConnection.open(server.url);
    await legacy.post(request("tools/call", { name: "legacy" }), session);
    assertStringIncludes(await legacy.read(), "text/event-stream");
    const signal = await calls.of("legacy").begun.promise;
    legacy[Symbol.dispose]();
    // Its connection is lost before the answer is a stream.
    const modern = await RawConnection.open(server.url);
    const headers = modernHeaders("tools/call", "modern");
    await modern.post(modernRequest("tools/call", { name: "modern" }), headers);
    await calls.of("modern").begun.promise;
    modern[Symbol.dispose]();
    await calls.of("modern").cancelled.promise;
    assertEquals(signal.aborted, false);
    // Its place in the quota is free.
    const after = await postModern(server.url, "tools/list");
    assertEquals([after.status, (await messagesOf(after)).length], [200, 1]);
    calls.of("legacy").finished.resolve();
  });

  for (const key of ["mcp/session", EXTENSION]) {
    Deno.test(`modern requests over ${name}: one is cancelled by who has its cookie under ${key}`, async () => {
      const calls = new Calls();
      await using server = await serve(calls.connect);
      const [created] = await messagesOf(await postModern(server.url, "session/create"));
      const _meta = envelope({ [key]: { id: created?.result?.id } });
      const answer = postModern(server.url, "tools/call", { name: "modern", _meta });
      await calls.of("modern").begun.promise;
      const cancelled = JSON.stringify({
        jsonrpc: "2.0",
        method: "notifications/cancelled",
        params: { requestId: 1, _meta },
      });
      const told = await post(server.url, cancelled, modernHeaders("notifications/cancelled"));
      assertEquals([told.status, await told.text()], [202, ""]);
      await calls.of("modern").cancelled.promise;
      assertEquals((await (await answer).text()).includes("done"), false);
    });
  }

  Deno.test(`subscriptions/listen over ${name}: is a stream without a place in the quota, until it is ended`, async () => {
    const listens = new Listens();
    await using server = await serve(listens.connect, { limits: { requests: 1 } });
    await (await postModern(server.url, "tools/list")).text();
    const response = await postModern(server.url, "subscriptions/listen");
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    const [id] = listens.open;
    assert(id !== undefined && id !== 1);
    assertEquals(listens.wireIds, [1]);
    for (let number = 0; number < 3; number++) {
      const list = await postModern(server.url, "tools/list");
      assertEquals([list.status, wireIds(await messagesOf(list))], [200, [1]]);
    }
    // A client that goes is told by the transport's own id.
    const gone = await RawConnection.open(server.url);
    const headers = modernHeaders("subscriptions/listen");
    await gone.post(modernRequest("subscriptions/listen", {}, "text"), headers);
    assertStringIncludes(await gone.read(), "text/event-stream");
    const [, lost] = listens.open;
    assertEquals(listens.wireIds, [1, "text"]);
    gone[Symbol.dispose]();
    assertEquals(await listens.cancelled.promise, lost);
    server.endpoint.stop();
    const text = await response.text();
    assertMatch(
      text,
      /^event: message\ndata: .*acknowledged.*\n\n(: keep-alive\n\n)*event: message/,
    );
    assertMatch(text, /\ndata: \{"jsonrpc":"2.0","id":1,"result":\{\}\}\n\n$/);
  });

  Deno.test(`subscriptions/listen over ${name}: is kept alive`, async () => {
    await using server = await serve(new Listens().connect);
    const response = await postModern(server.url, "subscriptions/listen");
    let text = "";
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      if (text.split(": keep-alive\n\n").length > 3) server.endpoint.stop();
    }
    assertMatch(text, /"result":\{\}\}\n\n$/);
  });

  Deno.test(`modern requests over ${name}: a large answer has its status too`, async () => {
    await using server = await serve((transport) => {
      transport.onmessage = (message) => {
        if (!("method" in message && "id" in message)) return;
        const error = { code: -32601, message: "x".repeat(100_000) };
        const options: EraSendOptions = { httpStatus: 404 };
        void transport.send({ jsonrpc: "2.0", id: message.id, error }, options);
      };
      return Promise.resolve(newServer());
    });
    const response = await postModern(server.url, "nothing");
    assertEquals([response.status, (await response.text()).length > 100_000], [404, true]);
  });
}

/** In place of the layers: subscriptions that end when the transport stops. */
class Listens {
  readonly open: unknown[] = [];
  readonly wireIds: unknown[] = [];
  readonly cancelled = Promise.withResolvers<unknown>();

  readonly connect: Connect = (transport) => {
    const ended: (() => void)[] = [];
    transport.onmessage = (message, extra) => {
      if (!("method" in message)) return;
      if (message.method === "notifications/cancelled") {
        this.cancelled.resolve(message.params?.requestId);
      }
      if (!("id" in message)) return;
      const { id } = message;
      const end = () => void transport.send({ jsonrpc: "2.0", id, result: {} });
      if (message.method !== "subscriptions/listen") return end();
      this.open.push(id);
      this.wireIds.push(wireIdOf(extra));
      ended.push(end);
      const method = "notifications/subscriptions/acknowledged";
      void transport.send({ jsonrpc: "2.0", method }, { relatedRequestId: id });
    };
    if (isEraTransport(transport)) transport.onstop = () => ended.forEach((end) => end());
    return Promise.resolve(newServer());
  };
}

const wireIds = (messages: { id?: unknown }[]) => messages.map(({ id }) => id);
