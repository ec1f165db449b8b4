/** The MCP Inspector with every server, over every transport. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { type Reach, scriptOf } from "../support/servers/separate_runs.ts";
import {
  type ServerName,
  SERVERS,
  startServer,
  type WireCookie,
  type WireResult,
} from "../support/servers/server.ts";
import { callArgs, type InspectorName, INSPECTORS, Inspectors, type Outcome } from "./inspector.ts";

const KINDS = ["stdio", "stateless HTTP", "stateful HTTP"] as const;
type Kind = (typeof KINDS)[number];

const TOOLS: Readonly<Record<ServerName, string[]>> = {
  session: ["session_probe"],
  session_required: ["echo", "whoami"],
  notebook: ["notebook_append", "notebook_read", "notebook_clear", "notebook_status"],
  hashcheck: ["hashcheck_store", "hashcheck_verify", "hashcheck_list", "hashcheck_delete"],
};

let home: string;
let inspectors: Inspectors;

Deno.test.beforeAll(async () => {
  inspectors = await Inspectors.install();
  home = await Deno.makeTempDir();
});

Deno.test.afterAll(() => Deno.remove(home, { recursive: true }));

/** An Inspector, and the servers that it uses over one kind of connection. */
class Setup implements AsyncDisposable {
  readonly #inspector: InspectorName;
  readonly #kind: Kind;
  readonly #store: string;
  readonly #listening = new Map<ServerName, string>();
  readonly #cleanup = new AsyncDisposableStack();

  constructor(inspector: InspectorName, kind: Kind) {
    this.#inspector = inspector;
    this.#kind = kind;
    this.#store = `file:${join(Deno.makeTempDirSync({ dir: home }), "sessions.jsonl")}`;
  }

  /** Runs the Inspector on a server. */
  async run(server: ServerName, ...args: string[]): Promise<Outcome> {
    return await inspectors.run(this.#inspector, await this.#reach(server), args, home);
  }

  /** Runs the Inspector on a server; returns what it shows. */
  async shows(server: ServerName, ...args: string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.run(server, ...args);
    assertEquals(code, 0, stderr);
    return JSON.parse(stdout);
  }

  /** Has the Inspector call a tool; returns the result that it shows. */
  async call(
    server: ServerName,
    name: string,
    args: Record<string, string> = {},
    cookie?: unknown,
  ): Promise<WireResult> {
    const meta = cookie === undefined ? {} : { "mcp/session": JSON.stringify(cookie) };
    const reach = await this.#reach(server);
    return await inspectors.call(this.#inspector, reach, { name, args, meta }, home);
  }

  /** Makes a session without the Inspector, which has no method for that. */
  async create(server: ServerName): Promise<WireCookie> {
    await using process = await startServer({ server, transport: "stdio", store: this.#store });
    return await process.create();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  /** Reach of a server; over stdio each run starts one, on the same store. */
  async #reach(server: ServerName): Promise<Reach> {
    const store = this.#store;
    if (this.#kind === "stdio") {
      const command = [Deno.execPath(), "run", "-A", scriptOf(server), "--store", store];
      return { kind: "command", command };
    }
    let url = this.#listening.get(server);
    if (url === undefined) {
      const flags = this.#kind === "stateful HTTP" ? ["--stateful"] : [];
      const process = await startServer({ server, transport: "http", store, flags });
      url = this.#cleanup.use(process).url;
      this.#listening.set(server, url);
    }
    return { kind: "url", url, headers: {} };
  }
}

/** Declares a test for each kind of connection and each Inspector. */
function testEach(
  names: readonly InspectorName[],
  what: string,
  fn: (setup: Setup, inspector: InspectorName) => Promise<void>,
): void {
  for (const kind of KINDS) {
    for (const name of names) {
      Deno.test(`${name} over ${kind}: ${what}`, async () => {
        await using setup = new Setup(name, kind);
        await fn(setup, name);
      });
    }
  }
}

/** Tools that a client without sessions sees before a server's own. */
const HANDLE_TOOLS = ["session_create", "session_list", "session_end"];

testEach(INSPECTORS, "lists the tools of every server", async (it, inspector) => {
  // Version 2 warns on stderr of schemas that not every client can take.
  const strict = inspector === "Inspector 2" ? ["--strict"] : [];
  for (const server of SERVERS) {
    const { code, stdout, stderr } = await it.run(server, "--method", "tools/list", ...strict);
    assertEquals(code, 0, stderr);
    if (strict.length > 0) assertEquals(stderr, "");
    const { tools } = JSON.parse(stdout) as WireResult;
    const own = server === "session_required" ? [] : HANDLE_TOOLS;
    assertEquals(tools.map(({ name }) => name), [...own, ...TOOLS[server]]);
  }
});

testEach(INSPECTORS, "calls session_probe, and gets a session and its cookie", async (it) => {
  const args = { action: "status", note: "hello" };
  const { structuredContent, content, _meta } = await it.call("session", "session_probe", args);
  const cookie = _meta?.["mcp/session"];
  assert(cookie);
  assertEquals(cookie.data["reason"], "lazy/tools/call");
  assertEquals(structuredContent, { ...args, session: cookie, calls: 1 });
  assert(content[0]?.text.includes(`id=${cookie.id}`));
});

testEach(INSPECTORS, "shows the error of a tool that requires a session", async (it, inspector) => {
  const call = callArgs({ name: "echo", args: { text: "hi" } });
  const { code, stdout, stderr } = await it.run("session_required", ...call);
  assertEquals(stdout, "");
  if (inspector === "Inspector 1") {
    assertMatch(stderr, /MCP error -32002: Session required\. /);
    assertEquals(code, 1);
  } else {
    // It shows no error code, but its exit status is 5 if a result says isError.
    const { error } = JSON.parse(stderr);
    assertMatch(error.message, /^Session required\. /);
    assertEquals([code, error.code], [1, "error"]);
  }
});

testEach(["Inspector 2"], "shows the capability and the servers' instructions", async (it) => {
  for (const server of SERVERS) {
    const { capabilities, instructions } = await it.shows(server, "--method", "initialize");
    const { experimental } = capabilities as WireResult["capabilities"];
    assertEquals(experimental["session"], { version: 2, features: ["create", "list", "delete"] });
    assert(instructions);
  }
});

testEach(["Inspector 2"], "goes on in the session of a given cookie", async (it) => {
  const lazy = (await it.call("session", "session_probe"))._meta?.["mcp/session"];
  const { structuredContent } = await it.call("session", "session_probe", {}, lazy);
  assertEquals(structuredContent["calls"], 2);

  const note = await it.create("notebook");
  await it.call("notebook", "notebook_append", { text: "buy milk" }, note);
  const read = await it.call("notebook", "notebook_read", {}, note);
  assertEquals(read.content[0]?.text, "1. buy milk");

  const hash = await it.create("hashcheck");
  await it.call("hashcheck", "hashcheck_store", { key: "k", text: "v" }, hash);
  const verified = await it.call("hashcheck", "hashcheck_verify", { key: "k", text: "v" }, hash);
  assertMatch(verified.content[0]?.text ?? "", /^MATCH/);

  const who = await it.create("session_required");
  const { session_id } = (await it.call("session_required", "whoami", {}, who)).structuredContent;
  assertEquals(session_id, who.id);
});
