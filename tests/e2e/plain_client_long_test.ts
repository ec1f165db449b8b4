/**
 * The SDK's client without a session layer: a call without a session gets one where the server makes
 * them, and an echoed cookie keeps it.
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/client/index"
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/client/stdio"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
// @ts-types="@modelcontextprotocol/sdk/client/streamableHttp"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { McpError, ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
import {
  presenting,
  type ServerName,
  startServer,
  type WireResult,
} from "../support/servers/server.ts";
import { CLEAN_ENV } from "../support/environment.ts";

/** Params of a client that knows sessions and holds none. */
const NONE = { _meta: { "mcp/session": null } };
const KINDS = ["stdio", "stateless HTTP", "stateful HTTP"] as const;
type Kind = (typeof KINDS)[number];

/** Declares a test for each kind of connection. */
function testEach(name: string, fn: (kind: Kind) => Promise<void>): void {
  for (const kind of KINDS) Deno.test(`Client over ${kind}: ${name}`, () => fn(kind));
}

/** A client of the SDK and its server, both gone on disposal. */
class Connected implements AsyncDisposable {
  readonly client: Client;
  /** Verdicts of the client on structured content against its output schema. */
  readonly validated: boolean[];
  readonly #cleanup: AsyncDisposableStack;

  constructor(client: Client, validated: boolean[], cleanup: AsyncDisposableStack) {
    this.client = client;
    this.validated = validated;
    this.#cleanup = cleanup;
  }

  /** Calls a tool, with or without a cookie. */
  async call(name: string, args: Record<string, unknown>, cookie?: unknown): Promise<WireResult> {
    const params = { name, arguments: args, ...presenting(cookie) };
    return await this.client.callTool(params) as unknown as WireResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}

async function connect(kind: Kind, server: ServerName): Promise<Connected> {
  const validated: boolean[] = [];
  const client = new Client({ name: "plain", version: "1" }, {
    jsonSchemaValidator: recording(validated),
  });
  await using cleanup = new AsyncDisposableStack();
  if (kind === "stdio") {
    const transport = stdioTransport(server);
    await client.connect(transport);
    cleanup.defer(() => endProcess(client, transport));
  } else {
    const flags = kind === "stateful HTTP" ? ["--stateful"] : [];
    const process = cleanup.use(await startServer({ server, transport: "http", flags }));
    const transport = new StreamableHTTPClientTransport(new URL(process.url));
    await client.connect(transport);
    cleanup.defer(() => client.close());
    cleanup.defer(() => transport.terminateSession());
    assertEquals(transport.sessionId !== undefined, kind === "stateful HTTP");
  }
  return new Connected(client, validated, cleanup.move());
}

function stdioTransport(server: ServerName): StdioClientTransport {
  return new StdioClientTransport({
    command: Deno.execPath(),
    args: [
      "run",
      "-A",
      new URL(`../../servers/${server}.ts`, import.meta.url).href,
      "--store",
      "memory:",
    ],
    env: { ...Deno.env.toObject(), ...CLEAN_ENV },
  });
}

/** Closes the connection at the server: the SDK's `close()` leaves a timer behind. */
async function endProcess(client: Client, { pid }: StdioClientTransport): Promise<void> {
  assert(pid);
  const closed = new Promise<void>((resolve) => client.onclose = resolve);
  Deno.kill(pid, "SIGTERM");
  await closed;
  assertEnded(pid);
}

function assertEnded(pid: number): void {
  assertThrows(() => Deno.kill(pid, "SIGCONT"), Error, undefined, "the server is left behind");
}

/** The SDK's validator, with a record of its verdicts. */
function recording(validated: boolean[]): Pick<AjvJsonSchemaValidator, "getValidator"> {
  const ajv = new AjvJsonSchemaValidator();
  return {
    getValidator<T>(schema: Parameters<typeof ajv.getValidator>[0]) {
      const validate = ajv.getValidator<T>(schema);
      return (input: unknown) => {
        const result = validate(input);
        validated.push(result.valid);
        return result;
      };
    },
  };
}

testEach("a call without a cookie gets a session of its own, and its cookie", async (kind) => {
  await using it = await connect(kind, "session");
  assertEquals(it.client.getServerVersion()?.name, "experimental-mcp-sessions");
  const { tools } = await it.client.listTools(NONE);
  assertEquals(tools.map(({ name }) => name), ["session_probe"]);

  const first = await it.call("session_probe", { action: "status", note: "hello" });
  const second = await it.call("session_probe", {});
  const cookie = first._meta?.["mcp/session"];
  assert(cookie);
  assertMatch(cookie.id, /^sess-[0-9a-f]{32}$/);
  assertEquals(cookie.data["reason"], "lazy/tools/call");
  assertEquals(first.structuredContent, {
    action: "status",
    session: cookie,
    calls: 1,
    note: "hello",
  });
  assertEquals(second.structuredContent.calls, 1);
  assertNotEquals(second._meta?.["mcp/session"]?.id, cookie.id);
});

testEach("an echoed cookie keeps the session until its end", async (kind) => {
  await using it = await connect(kind, "session");
  const lazy = (await it.call("session_probe", {}))._meta?.["mcp/session"];
  assert(lazy);
  // The id alone is a complete cookie.
  for (const [calls, cookie] of [[2, lazy], [3, { id: lazy.id }]] as const) {
    const { structuredContent, _meta } = await it.call("session_probe", {}, cookie);
    assertEquals(structuredContent.calls, calls);
    assertEquals(_meta?.["mcp/session"]?.id, lazy.id);
  }

  const rotated = (await it.call("session_probe", { action: "new" }, lazy))._meta?.["mcp/session"];
  assert(rotated);
  assertEquals(rotated.data["title"], "rotated-session");
  const stale = await it.call("session_probe", {}, lazy);
  assertEquals(stale.structuredContent.calls, 1);
  assertNotEquals(stale._meta?.["mcp/session"]?.id, lazy.id);
  assertNotEquals(stale._meta?.["mcp/session"]?.id, rotated.id);

  const revoked = await it.call("session_probe", { action: "revoke" }, rotated);
  assertEquals(revoked._meta?.["mcp/session"], null);
  assertEquals(revoked.structuredContent, {
    action: "revoke",
    revoked: true,
    session_id: rotated.id,
  });
});

testEach("a tool that needs a session rejects with the error -32002", async (kind) => {
  await using it = await connect(kind, "session_required");
  const refused = async (cookie: unknown, reason: string) => {
    const error = await assertRejects(() => it.call("echo", { text: "hi" }, cookie), McpError);
    assertEquals([error.code, error.data], [-32002, { reason }]);
    assertMatch(error.message, /Session required\. /);
  };
  await refused(undefined, "missing");
  await refused("sess-1", "malformed");
  await refused({ id: `sess-${"0".repeat(32)}` }, "unknown");

  const { id } = await it.client.request({ method: "session/create" }, ResultSchema);
  const echoed = await it.call("echo", { text: "hi" }, { id });
  assertEquals(echoed.content, [{ type: "text", text: "hi" }]);
  await it.client.request({ method: "session/delete", params: { id } }, ResultSchema);
  await refused({ id }, "unknown");
});

const CALLS: Record<ServerName, [tool: string, args?: Record<string, unknown>][]> = {
  session: [
    ["session_probe"],
    ["session_probe", { action: "new" }],
    ["session_probe", { action: "revoke" }],
  ],
  session_required: [["whoami"]],
  notebook: [
    ["notebook_append", { text: "" }],
    ["notebook_read"],
    ["notebook_status"],
    ["notebook_clear"],
    ["notebook_read"],
  ],
  hashcheck: [
    ["hashcheck_store", { key: "__proto__", text: "a" }],
    ["hashcheck_verify", { key: "__proto__", text: "b" }],
    ["hashcheck_verify", { key: "missing", text: "b" }],
    ["hashcheck_list"],
    ["hashcheck_delete", { key: "__proto__" }],
    ["hashcheck_list"],
  ],
};

testEach("the result of every tool fits its output schema", async (kind) => {
  for (const server of Object.keys(CALLS) as ServerName[]) {
    await using it = await connect(kind, server);
    const { tools } = await it.client.listTools(NONE);
    const described = tools.filter(({ outputSchema }) => outputSchema).map(({ name }) => name);
    const calls = CALLS[server];
    assertEquals([...new Set(calls.map(([tool]) => tool))].sort(), described.sort());
    let cookie: unknown = await it.client.request({ method: "session/create" }, ResultSchema);
    for (const [tool, args = {}] of calls) {
      // The client rejects a misfit; the count proves that it has checked.
      const { _meta } = await it.call(tool, args, cookie);
      cookie = _meta?.["mcp/session"];
    }
    assertEquals(it.validated, calls.map(() => true));
  }
});

Deno.test({
  name: "Client over stdio: close() ends the server at once",
  // The SDK never clears the timer that kills a server which stays.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const client = new Client({ name: "plain", version: "1" });
    const transport = stdioTransport("session");
    await client.connect(transport);
    const { pid } = transport;
    assert(pid);
    const start = performance.now();
    await client.close();
    assert(performance.now() - start < 2000, "the SDK had to end the server with a signal");
    assertEnded(pid);
  },
});
