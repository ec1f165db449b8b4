/** Servers that answer nonsense: the client reports or ignores it, and always ends. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { sessionCapability } from "../../../client/session/capability.ts";
import { isOutcomeUnknown, sendOnce, type WithSessionOptions } from "../../../client/mod.ts";
import { McpError, StreamableHTTPClientTransport } from "../../../client/sdk.ts";
import { Connected } from "../../support/client/client_fixture.ts";

interface Received {
  readonly id?: number | string;
  readonly method: string;
  readonly params?: { readonly name?: string; readonly _meta?: Record<string, unknown> };
}
type Answers = Partial<Record<string, (received: Received) => unknown>>;

const SESSION = { version: 2, features: ["create", "list", "delete"] };
const COOKIE = { id: "sess-1" };

/** A server with these answers by method, an array for several at once, and its client. */
class Hostile implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly received: Received[] = [];
  readonly it: Connected;

  constructor(answers: Answers, options?: WithSessionOptions) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        if (request.method !== "POST") return new Response(null, { status: 405 });
        const received: Received = await request.json();
        this.received.push(received);
        if (received.id === undefined) return new Response(null, { status: 202 });
        const answer = answers[received.method] ?? DEFAULTS[received.method] ??
          (() => ({ result: {} }));
        const answered = answer(received);
        if (answered instanceof Response) return answered;
        const bodies = [answered].flat()
          .map((body) => ({ jsonrpc: "2.0", id: received.id, ...Object(body) }));
        return Response.json(bodies.length === 1 ? bodies[0] : bodies);
      },
    );
    const url = new URL(`http://127.0.0.1:${this.#server.addr.port}/`);
    const connect = () => new StreamableHTTPClientTransport(url, { fetch: sendOnce });
    this.it = new Connected(connect, options);
  }

  count(method: string): number {
    return this.received.filter((received) => received.method === method).length;
  }

  async connect(): Promise<Connected> {
    await this.it.client.connect(this.it.transport);
    return this.it;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.it.client.close();
    await this.#server.shutdown();
  }
}

function initialized(session: unknown, serverInfo: unknown = { name: "hostile", version: "1" }) {
  return (received: Received) => ({
    result: {
      protocolVersion: Object(received.params).protocolVersion,
      capabilities: { tools: {}, experimental: { session } },
      serverInfo,
    },
  });
}

const RAN = { result: { content: [{ type: "text", text: "ran" }] } };
const DEFAULTS: Answers = {
  "initialize": initialized(SESSION),
  "session/create": () => ({ result: { ...COOKIE, _meta: { "mcp/session": COOKIE } } }),
  "tools/call": () => RAN,
};

const refuse = (data?: unknown) => () => ({ error: { code: -32002, message: "No", data } });

Deno.test("withSession: sends a call that is always refused twice", async () => {
  let sessions = 0;
  await using hostile = new Hostile({
    "session/create": () => ({ result: { id: `sess-${++sessions}` } }),
    "tools/call": refuse(),
  });
  const it = await hostile.connect();
  for (let call = 1; call <= 5; call++) {
    assertEquals((await assertRejects(() => it.call("x"), McpError)).code, -32002);
    assertEquals([hostile.count("tools/call"), sessions], [2 * call, 1 + call]);
  }
});

Deno.test("withSession: ten calls that are refused twice end", async () => {
  await using hostile = new Hostile({ "tools/call": refuse() });
  const it = await hostile.connect();
  const calls = Array.from({ length: 10 }, () => assertRejects(() => it.call("x"), McpError));
  await Promise.all(calls);
  assert(hostile.count("tools/call") <= 20);
  assert(hostile.count("session/create") <= 11);
});

const RESULT = { result: { content: [{ type: "text", text: "too early" }] } };
for (const second of [refuse()(), RESULT]) {
  const what = "error" in second ? "refused twice at once" : "refused and answered at once";
  Deno.test(`withSession: a call that is ${what} has the answer of its retry`, async () => {
    const twice = [refuse()(), second];
    await using hostile: Hostile = new Hostile({
      "tools/call": () => hostile.count("tools/call") === 1 ? twice : RAN,
    });
    const it = await hostile.connect();
    assertEquals([await it.call("x"), hostile.count("tools/call")], ["ran", 2]);
    assertEquals(it.errors, []);
  });
}

const UNREADABLE: Record<string, () => unknown> = {
  "a result that is null": () => ({ result: null }),
  "JSON that is cut off": () =>
    new Response('{"jsonrpc":"2.0","id":', { headers: { "content-type": "application/json" } }),
};
for (const [what, answer] of Object.entries(UNREADABLE)) {
  Deno.test(`withSession: a call that is answered with ${what} has an unknown outcome`, async () => {
    await using hostile = new Hostile({ "tools/call": answer });
    const it = await hostile.connect();
    assert(isOutcomeUnknown(await assertRejects(() => it.call("x"))));
    assertEquals([hostile.count("tools/call"), it.told], [1, ["created"]]);
  });
}

const REASONS: unknown[] = ["ended ", ["ended"], { reason: "ended" }, 7, null, {
  toString: "ended",
}];
for (const reason of REASONS) {
  Deno.test(`withSession: ignores a reason of another shape: ${JSON.stringify(reason)}`, async () => {
    let refused = false;
    const answer = () => refused ? DEFAULTS["tools/call"] : (refused = true, refuse({ reason }));
    await using hostile = new Hostile({ "tools/call": (received) => answer()?.(received) });
    const it = await hostile.connect();
    assertEquals(await it.call("x"), "ran");
  });
}

Deno.test("sessionCapability: ignores anything but a capability of this version", () => {
  const none = [null, true, 7, "session", [], [SESSION], { version: [] }, { version: "2" }];
  for (const session of none) {
    const result = { capabilities: { experimental: { session } } };
    assertEquals(sessionCapability(result), undefined, JSON.stringify(session));
  }
  for (const result of [null, {}, { capabilities: [] }, { capabilities: { experimental: 7 } }]) {
    assertEquals(sessionCapability(result), undefined, JSON.stringify(result));
  }
  for (const features of [{}, "create", [["create"], 7, null], undefined]) {
    const result = { capabilities: { experimental: { session: { version: 2, features } } } };
    assertEquals(sessionCapability(result)?.features, []);
  }
});

const CREATED: unknown[] = [
  {},
  { id: 7 },
  { id: "" },
  { id: "a b" },
  { id: "x".repeat(1 << 20) },
  { _meta: { "mcp/session": [] } },
  { _meta: { "mcp/session": null } },
];
for (const result of CREATED) {
  const shown = JSON.stringify(result).slice(0, 60);
  Deno.test(`withSession: goes on without a session that has no cookie: ${shown}`, async () => {
    await using hostile = new Hostile({ "session/create": () => ({ result }) });
    const it = await hostile.connect();
    assertEquals([it.id, it.told, it.errors.length], [undefined, [], 1]);
    assertEquals(await it.call("x"), "ran");
  });
}

Deno.test("withSession: bounds the title that a long name makes", async () => {
  const serverInfo = { name: "é".repeat(1 << 20), version: "1" };
  await using hostile = new Hostile({ initialize: initialized(SESSION, serverInfo) });
  await hostile.connect();
  const created = hostile.received.find(({ method }) => method === "session/create");
  assert(JSON.stringify(created).length < 2000);
});

Deno.test("withSession: keeps one of many cookies", async () => {
  let count = 0;
  const answer = () => ({
    result: {
      content: [{ type: "text", text: "ran" }],
      _meta: { "mcp/session": { id: `sess-${++count}`, data: { x: "x".repeat(100_000) } } },
    },
  });
  await using hostile = new Hostile({ "tools/call": answer });
  const it = await hostile.connect();
  for (let call = 0; call < 50; call++) await it.call("x");
  assertEquals(it.transport.cookie, { id: "sess-50" });
  assertEquals(it.told.length, 50, "created, then 49 times replaced: the first has the same id");
  for (const { params } of hostile.received) assert(JSON.stringify(params ?? {}).length < 1000);
});

Deno.test("withSession: takes no session from a server that announced none", async () => {
  const result = { content: [], _meta: { "mcp/session": COOKIE } };
  await using hostile = new Hostile({
    "initialize": initialized(undefined),
    "tools/call": () => ({ result }),
    "session/create": () => ({ result: COOKIE }),
  });
  const it = await hostile.connect();
  await it.client.callTool({ name: "x" });
  await it.ask("session/create");
  assertEquals([it.id, it.told], [undefined, []]);
});
