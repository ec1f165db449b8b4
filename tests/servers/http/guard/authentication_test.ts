/** The outcomes of an operator's `authenticate`. */

// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Authenticator,
  type AuthInfo,
  httpHandler,
  type JSONRPCMessage,
  sessionLayer,
} from "../../../../servers/base/mod.ts";
import { MemoryStore } from "../../../../store/mod.ts";
import { newServer } from "../../../support/servers/in_process.ts";
import { CALLER, guarded } from "../../../support/servers/guarded.ts";

/** A hook with a value that type-checked programs do not return. */
const giving = (given: unknown): Authenticator => () => JSON.parse("{}", () => given);

const CALLERS: readonly (readonly [name: string, given: object])[] = [
  ["no more than it must be", CALLER],
  ["an empty token", { ...CALLER, token: "" }],
  ["no scope", { ...CALLER, scopes: [] }],
  ["a subject", { ...CALLER, extra: { iss: "https://id.example.com", sub: "alice" } }],
  ["a number as its subject", { ...CALLER, extra: { sub: 42 } }],
  ["no subject", { ...CALLER, extra: { iss: null, sub: undefined, other: {} } }],
  ["a token that lives", { ...CALLER, expiresAt: Date.now() / 1000 + 60 }],
];

const NO_CALLERS: readonly (readonly [name: string, given: unknown])[] = [
  ["false", false],
  ["true", true],
  ["a text", "secret-token"],
  ["a number", 1],
  ["a list", [CALLER]],
  ["a function", () => CALLER],
  ["an empty object", {}],
  ["no client", { ...CALLER, clientId: undefined }],
  ["an empty client", { ...CALLER, clientId: "" }],
  ["a client that is no text", { ...CALLER, clientId: { name: "app" } }],
  ["no token", { ...CALLER, token: undefined }],
  ["no scopes", { ...CALLER, scopes: undefined }],
  ["scopes that are no list", { ...CALLER, scopes: "mcp" }],
  ["a scope that is no text", { ...CALLER, scopes: [{}] }],
  ["extra that is a text", { ...CALLER, extra: "secret" }],
  ["extra that is a list", { ...CALLER, extra: ["secret"] }],
  ["an empty subject", { ...CALLER, extra: { sub: "" } }],
  ["an empty issuer", { ...CALLER, extra: { iss: "", sub: "alice" } }],
  ["a subject that is an object", { ...CALLER, extra: { sub: new Map([["name", "alice"]]) } }],
  ["a subject that is a symbol", { ...CALLER, extra: { sub: Symbol("alice") } }],
  ["a subject that is not finite", { ...CALLER, extra: { sub: NaN } }],
  ["a subject that is too large a number", { ...CALLER, extra: { sub: 1n } }],
  ["an issuer that is true", { ...CALLER, extra: { iss: true, sub: "alice" } }],
  ["an expiry that is no number", { ...CALLER, expiresAt: NaN }],
  ["an endless expiry", { ...CALLER, expiresAt: Infinity }],
  ["an expiry that is null", { ...CALLER, expiresAt: null }],
  ["an expiry that is a text", { ...CALLER, expiresAt: "9999999999" }],
  ["an expiry that is a date", { ...CALLER, expiresAt: new Date(Date.now() + 60_000) }],
  ["what throws when it is looked at", {
    get clientId(): string {
      throw new Error("no client");
    },
  }],
];

for (const how of ["at once", "later"]) {
  const hook = (given: unknown): Authenticator =>
    how === "at once" ? giving(given) : (request) => Promise.resolve(request).then(giving(given));

  Deno.test(`authenticate: admits a caller that is returned ${how}`, async () => {
    for (const [name, given] of CALLERS) {
      const { ask, told, callers } = guarded(hook(given));
      const response = await ask();
      assertEquals([response.status, told], [200, []], name);
      assert(callers[0] === given, name);
    }
  });

  Deno.test(`authenticate: refuses and logs what is not a caller, returned ${how}`, async () => {
    for (const allowAnonymous of [false, true]) {
      for (const [name, given] of NO_CALLERS) {
        const { ask, told, callers } = guarded(hook(given), { allowAnonymous });
        for (const headers of [{}, { authorization: "Bearer secret-token" }]) {
          const response = await ask({ headers });
          assertEquals([response.status, callers], [401, []], name);
          assertMatch(response.headers.get("www-authenticate") ?? "", /^Bearer/);
          await response.body?.cancel();
        }
        assertEquals(told.length, 2, name);
        assertEquals(told.join().includes("secret"), false, told.join());
      }
    }
  });

  Deno.test(`authenticate: admits as anonymous only callers without Authorization, returned ${how}`, async () => {
    for (const given of [null, undefined]) {
      const { ask, told, callers } = guarded(hook(given), { allowAnonymous: true });
      assertEquals((await ask()).status, 401);
      assertEquals((await ask({ headers: {} })).status, 200);
      assertEquals([callers, told], [[undefined], []]);
      assertEquals((await guarded(hook(given)).ask({ headers: {} })).status, 401);
    }
  });
}

Deno.test("authenticate: the caller's token has expired, its name is too long, or it gets another response", async () => {
  const cases: [given: AuthInfo | Response, status: number][] = [
    [{ ...CALLER, expiresAt: Math.floor(Date.now() / 1000) - 1 }, 401],
    [{ ...CALLER, clientId: "x".repeat(1100) }, 403],
    [new Response("no", { status: 402 }), 402],
  ];
  for (const [given, status] of cases) {
    const { ask, told, callers } = guarded(() => given);
    assertEquals([(await ask()).status, told, callers], [status, [], []]);
  }
});

Deno.test("authenticate: refuses with 503 when it throws, whatever it throws", async () => {
  for (const thrown of [new Error("secret"), "secret", undefined, null, { away: true }]) {
    const hooks: Authenticator[] = [
      () => {
        throw thrown;
      },
      () => Promise.reject(thrown),
    ];
    for (const hook of hooks) {
      const { ask, told, callers } = guarded(hook, { allowAnonymous: true });
      const response = await ask({ headers: {} });
      assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
      assertEquals((await response.text()).includes("secret"), false);
      assertEquals([told.length, callers], [1, []]);
    }
  }
});

Deno.test("authenticate: hanging calls of disconnected clients block no others", async () => {
  const { ask, told } = guarded(({ headers }) =>
    headers.has("hang") ? new Promise<never>(() => {}) : CALLER
  );
  const clients = new AbortController();
  const init = { headers: { hang: "1" }, signal: clients.signal };
  const hanging = Array.from({ length: 1024 }, () => ask(init));
  const refused = await ask();
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  clients.abort();
  await Promise.all(hanging);
  assertEquals((await ask()).status, 200);
  // None has reached the time limit.
  assertEquals(told, []);
});

Deno.test("authenticate: its signal is aborted when the client disconnects", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  const told: string[] = [];
  const handler = httpHandler({ fetch: () => Promise.resolve(new Response()) }, {
    hosts: ["127.0.0.1"],
    authenticate: ({ signal }) => {
      asked.resolve(signal);
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
    onerror: ({ message }) => void told.push(message),
  });
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http: Deno.HttpServer<Deno.NetAddr> = Deno.serve(options, (request) => handler(request));
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: http.addr.port });
  const head = "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{}";
  await connection.write(new TextEncoder().encode(head));
  const signal = await asked.promise;
  const gone = new Promise((resolve) => signal.addEventListener("abort", resolve));
  connection.close();
  await gone;
  await http.shutdown();
  assertEquals([signal.reason.name, told], ["AbortError", []]);
});

Deno.test("session layer: gives no session to a caller whose AuthInfo is invalid", async () => {
  for (const [name, given] of NO_CALLERS) {
    const isOnlyForHttp = ["token", "scope", "expiry"].some((part) => name.includes(part));
    if (isOnlyForHttp) continue;
    const [client, transport] = InMemoryTransport.createLinkedPair();
    const server = newServer();
    server.registerTool("public", {}, () => ({ content: [] }));
    const told: string[] = [];
    server.server.onerror = ({ message }) => void told.push(message);
    await server.connect(sessionLayer(transport, { store: new MemoryStore(), policy: "auto" }));
    const ask = async (method: string, params: Record<string, unknown>) => {
      const { promise, resolve } = Promise.withResolvers<JSONRPCMessage>();
      client.onmessage = resolve;
      const authInfo: AuthInfo = JSON.parse("{}", () => given);
      await client.send({ jsonrpc: "2.0", id: 1, method, params }, { authInfo });
      return await promise;
    };
    for (const method of ["session/create", "session/list", "session/delete"]) {
      const reply = await ask(method, {});
      assertEquals("error" in reply && reply.error.code, -32603, `${method} ${name}`);
    }
    const reply = await ask("tools/call", { name: "public" });
    assertEquals("error" in reply && reply.error.code, -32603, name);
    assertEquals(told.length, 4, name);
    await server.close();
  }
});
