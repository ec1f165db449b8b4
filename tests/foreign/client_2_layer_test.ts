/**
 * The session layer under client and transports of the SDK's second generation, in both eras: a killed
 * server's session goes on.
 */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { outsideProject } from "../house/outside_project.ts";
import { lines } from "../support/lines.ts";
import { output } from "../support/output.ts";
import { startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/temp_folder.ts";
import type { LayerJob, LayerReport } from "./client_2_layer.ts";
import type { StreamsReport } from "./client_2_layer_streams.ts";

const CLIENT_2 = "npm:@modelcontextprotocol/client@2.4.0";
const SCRIPT = fileURLToPath(new URL("./client_2_layer.ts", import.meta.url));
const HASHCHECK = fileURLToPath(new URL("../../servers/hashcheck.ts", import.meta.url));

/** Runs a client; `restart` is called once it has stored its hash. */
async function run(job: LayerJob, restart: () => Promise<unknown>): Promise<LayerReport> {
  await using client = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-lock",
      SCRIPT,
      CLIENT_2,
      JSON.stringify(job),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const said = lines(client.stdout);
  assertEquals((await said.next()).value, "stored");
  await restart();
  const stdin = client.stdin.getWriter();
  await stdin.write(new TextEncoder().encode("\n"));
  await stdin.close();
  const report = JSON.parse((await said.next()).value ?? "null");
  assertEquals((await client.status).code, 0);
  return report;
}

/** Runs a client of an HTTP server that is killed and started again. */
async function overHttp(mode: LayerJob["mode"], ...flags: string[]): Promise<LayerReport> {
  await using folder = await tempFolder();
  const start = (port: number) =>
    startServer({
      server: "hashcheck",
      transport: "http",
      store: `file:${folder.path}/sessions.jsonl`,
      flags,
      permissions: ["-A"],
      port,
    });
  const first = await start(0);
  await using servers = new AsyncDisposableStack();
  return await run({ mode, server: first.url }, async () => {
    await first.stop("SIGKILL");
    servers.use(await start(Number(new URL(first.url).port)));
  });
}

/** Runs a client of a stdio server that is killed. */
async function overStdio(mode: LayerJob["mode"], ...flags: string[]): Promise<LayerReport> {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/sessions.jsonl`;
  const server = [Deno.execPath(), "run", "-A", HASHCHECK, "--store", store, ...flags];
  return await run({ mode, server }, () => Promise.resolve());
}

const VERSION = {
  legacy: "2025-11-25",
  auto: "2026-07-28",
  pin: "2026-07-28",
  prior: "2026-07-28",
};
const CALLS = ["tools/call"];

for (const mode of ["legacy", "auto", "pin", "prior"] as const) {
  const handshake = mode === "legacy"
    ? ["initialize", "notifications/initialized"]
    : ["server/discover"];

  Deno.test(`withSession: a client of the second generation outlives kill -9 of a stdio server (${mode})`, async () => {
    const { version, sent, told, match } = await overStdio(mode);
    assertEquals([version, match], [VERSION[mode], true]);
    assertEquals(told, ["created", "reconnected"]);
    assertEquals(sent, [
      [...handshake, "session/create", ...CALLS],
      [...handshake, "session/list", ...CALLS],
    ]);
  });

  // In the legacy era a stateful server has a transport session to lose: see below.
  for (const flags of mode === "legacy" ? [[]] : [[], ["--stateful"]]) {
    const how = [mode, ...flags].join(" ");
    Deno.test(`withSession: a client of the second generation outlives kill -9 of an HTTP server (${how})`, async () => {
      const { version, sent, told, match } = await overHttp(mode, ...flags);
      assertEquals([version, match], [VERSION[mode], true]);
      assertEquals(told, ["created"]);
      assertEquals(sent, [[...handshake, "session/create", ...CALLS, ...CALLS]]);
    });
  }
}

Deno.test("withSession: a client of the second generation outlives the restart of a stateful server", async () => {
  const { match, told, hasNewTransport } = await overHttp("legacy", "--stateful");
  assertEquals({ match, told, hasNewTransport }, {
    match: true,
    told: ["created", "reconnected"],
    hasNewTransport: true,
  });
});

for (const over of [overStdio, overHttp]) {
  Deno.test(`withSession: a client that discovers a legacy server in vain is a legacy one (${over.name})`, async () => {
    const { version, sent: [sent], told: [created], match } = await over("auto", "--era=legacy");
    assertEquals([version, created, match], ["2025-11-25", "created", true]);
    assertEquals(sent?.slice(0, 5), [
      "server/discover",
      "initialize",
      "notifications/initialized",
      "session/create",
      "tools/call",
    ]);
  });
}

Deno.test("withSession: streams of the second generation are cancelled, refused and ended as without the layer", async () => {
  const script = fileURLToPath(new URL("./client_2_layer_streams.ts", import.meta.url));
  const args = ["run", "-A", "--no-lock", script, CLIENT_2];
  const { success, stdout, stderr } = await output(Deno.execPath(), { args });
  assert(success, stderr);
  const { cancelled, unknown, closings, methods, errors }: StreamsReport = JSON.parse(stdout);
  assertEquals(cancelled, "enough");
  assertEquals([unknown.status, JSON.parse(`${unknown.text}`).error.code], [404, -32601]);
  assertEquals(closings, ["remote", "local"]);
  assertEquals(methods, [
    "server/discover",
    "session/create",
    "tools/call",
    "un/known",
    "subscriptions/listen",
    "subscriptions/listen",
    // For the subscription: the client sends it whatever the transport.
    "notifications/cancelled",
  ]);
  assertEquals(errors.length, 1, `${errors}`);
});

/** Uses that pass the check, and one that must not. */
const TYPES = `
import { Client as Client2, StreamableHTTPClientTransport, type Transport } from "${CLIENT_2}";
import { StdioClientTransport } from "${CLIENT_2}/stdio";
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
import { sendOnce, withSession } from "@mcp-sessions/deno/client";

const url = new URL("http://127.0.0.1:8765/mcp");
const transports = [
  withSession(() => new StreamableHTTPClientTransport(url, { fetch: sendOnce })),
  withSession(() => new StdioClientTransport({ command: "server" })),
];
const info = { name: "types", version: "1.0.0" };
for (const transport of transports satisfies Transport[]) {
  await new Client2(info).connect(transport);
  await new Client1(info).connect(transport);
}
// @ts-expect-error: a client is no transport.
withSession(() => new Client2(info));
`;

Deno.test("withSession: its types and those of the second generation fit each other", async () => {
  for (const exactOptionalPropertyTypes of [false, true]) {
    await using project = await outsideProject({ "types.ts": TYPES }, {
      compilerOptions: { exactOptionalPropertyTypes },
    });
    const args = ["check", "--quiet", "types.ts"];
    const env = { NO_COLOR: "1" };
    const { success, stderr } = await output(Deno.execPath(), { args, cwd: project.path, env });
    assert(success, stderr);
  }
});
