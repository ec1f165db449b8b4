/** The bridge when the server, the connection, the jar or the bridge itself fails. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  BridgedServer,
  POLICIES,
  sessionOf,
  startForUsers,
  tellsOfReset,
  WAYS,
} from "../../support/bridge/bridged_servers.ts";
import { asUser, BridgeHost, conversation } from "../../support/bridge/host.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { type Reply, startServer } from "../../support/servers/server.ts";

const A = conversation("a");

function isOutcomeUnknown({ error }: Reply): boolean {
  return error?.data?.reason === "outcome_unknown";
}

for (const way of WAYS) {
  Deno.test(`bridge: an interrupted call has an unknown outcome (${way})`, async () => {
    await using behind = await BridgedServer.start(POLICIES, way);
    await using host = await behind.connect();
    const session = sessionOf(await host.tool("members", {}, A));
    await host.tool("append", { text: "one" }, A);
    const cut = host.call("hold", { text: "held" }, A);
    await host.tool("held");
    await behind.kill();
    const reply = await cut;
    assert(isOutcomeUnknown(reply));
    assertMatch(
      reply.error?.message ?? "",
      /broke before tools\/call was answered.*not sent again/,
    );
    await behind.startAgain();
    const after = await host.tool("append", { text: "two" }, A);
    assert(!tellsOfReset(after));
    assertEquals(after.structuredContent.list, ["one", "two"]);
    assertEquals(sessionOf(await host.tool("members", {}, A)), session);
  });

  Deno.test(`bridge: passes progress on in order, before the result (${way})`, async () => {
    await using behind = await BridgedServer.start(POLICIES, way);
    await using host = await behind.connect();
    await host.tool("progress", {}, { ...A, progressToken: "p" });
    const progress = [1, 2, 3].map((progress) => ({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: "p", progress, total: 3 },
    }));
    assertEquals<unknown>(host.messages.slice(1, -1), progress);
  });

  Deno.test(`bridge: an acknowledged call outlives every kill, and ran once (${way})`, async () => {
    await using behind = await BridgedServer.start("notebook", way);
    const acknowledged: string[] = [];
    let sent = 0;
    for (let life = 0; life < 2; life++) {
      await using host = await behind.connect();
      const append = async () => {
        const text = `note ${sent++}`;
        const reply = await host.call("notebook_append", { text }, A);
        if (reply.result) acknowledged.push(text);
        else assert(isOutcomeUnknown(reply), JSON.stringify(reply.error));
      };
      for (let kill = 0; kill < 2; kill++) {
        await append();
        const appends = Promise.all(Array.from({ length: 6 }, append));
        await behind.kill();
        await behind.startAgain();
        await appends;
        await host.reconnected();
      }
      // Kills the bridge with pending calls.
      for (let i = 0; i < 6; i++) {
        const params = { name: "notebook_append", arguments: { text: `note ${sent++}` }, _meta: A };
        await host.send({ jsonrpc: "2.0", id: sent, method: "tools/call", params });
      }
      await host.stop("SIGKILL");
    }
    await using host = await behind.connect();
    const read = await host.tool("notebook_read", {}, A);
    assert(!tellsOfReset(read));
    const notes = (read.content[0]?.text ?? "").split("\n").map((line) => line.split(". ")[1]);
    assertEquals(new Set(notes).size, notes.length, "a call ran twice");
    for (const text of acknowledged) assert(notes.includes(text), `${text} is lost`);
    assert(acknowledged.length >= 4);
    assertEquals(await behind.sessions(), [sessionOf(read)]);
  });
}

Deno.test("bridge: cancels the requests of a dead server", async () => {
  await using behind = await BridgedServer.start(POLICIES, "stdio");
  await using host = BridgeHost.start(behind.folder, behind.args);
  await host.initialize({ elicitation: {} });
  const asking = host.call("ask");
  const { id } = await host.until(({ method }) => method === "elicitation/create");
  await behind.kill();
  const { params } = await host.until(({ method }) => method === "notifications/cancelled");
  assert(typeof params === "object" && params !== null && "requestId" in params);
  assertEquals(params.requestId, id);
  assert(isOutcomeUnknown(await asking));
});

Deno.test("bridge: a late result of the lost session carries no notice", async () => {
  await using folder = await tempFolder();
  const script = fileURLToPath(new URL("../../fixtures/client/server.ts", import.meta.url));
  const args = ["--", Deno.execPath(), "run", "-A", script, "stdio"];
  await using host = await BridgeHost.connect(folder, args);
  await host.tool("echo", {}, A);
  const late = host.tool("hold", {}, A);
  await host.request("fixture/lose", {});
  const repeated = await host.tool("echo", {}, A);
  assert(tellsOfReset(repeated));
  await host.request("fixture/release", {});
  assert(!tellsOfReset(await late));
  assertNotEquals((await late).content[0]?.text, repeated.content[1]?.text);
});

Deno.test("bridge: names the server that it cannot reach, and retries initialize", async () => {
  await using folder = await tempFolder();
  const first = await startServer({ server: "notebook", transport: "http" });
  const { url } = first;
  await first.stop();
  await using host = BridgeHost.start(folder, ["--url", url]);
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x" } };
  const { error } = await host.request("initialize", params);
  assertEquals([error?.code, error?.data], [-32000, { reason: "not_sent" }]);
  assertStringIncludes(error?.message ?? "", `Cannot reach the MCP server ${url}`);
  // The server starts during the retries.
  const initialized = host.initialize();
  const port = Number(new URL(url).port);
  await using _ = await startServer({ server: "notebook", transport: "http", port });
  assertEquals((await initialized).serverInfo.name, "notebook");
  assertEquals(
    (await host.tool("notebook_append", { text: "x" }, A)).structuredContent.note_number,
    1,
  );
});

Deno.test("bridge: a command that does not serve is an error, and exit status 1", async () => {
  await using folder = await tempFolder();
  const host = BridgeHost.start(folder, ["--", Deno.execPath(), "eval", "Deno.exit(3)"]);
  const { error } = await host.request("initialize", {});
  assertMatch(error?.message ?? "", /^Cannot connect to the MCP server .* ended before/);
  assertEquals(await host.ended(), 1);
  await using none = BridgeHost.start(folder, ["--", `${folder.path}/none`]);
  assertMatch(
    (await none.request("initialize", {})).error?.message ?? "",
    /Cannot start \S*none: /,
  );
  assertEquals(await none.endInput(), 1);
});

Deno.test("bridge: --header authenticates, and users do not share sessions", async () => {
  await using folder = await tempFolder();
  await using other = await tempFolder();
  await using server = await startForUsers(folder, {
    "token-of-alice": "alice",
    "token-of-bob": "bob",
  });
  await using alice = await BridgeHost.connect(folder, asUser(server.url, "token-of-alice"));
  await using bob = await BridgeHost.connect(other, asUser(server.url, "token-of-bob"));
  await alice.tool("notebook_append", { text: "a" }, A);
  assertEquals((await bob.tool("notebook_read", {}, A)).structuredContent.count, 0);
  assertEquals((await alice.tool("notebook_read", {}, A)).structuredContent.count, 1);
  // With one jar for both, the session of alice is unknown to bob, who gets another one.
  await using shared = await BridgeHost.connect(folder, asUser(server.url, "token-of-bob"));
  const read = await shared.tool("notebook_read", {}, A);
  assertEquals(read.structuredContent.count, 0);
  await using stranger = BridgeHost.start(other, asUser(server.url, "token-of-a-stranger"));
  const { error } = await stranger.request("initialize", {});
  assertMatch(error?.message ?? "", /^The MCP server .* refused initialize with HTTP status 401: /);
  assert(!error?.message.includes("token-of-a-stranger"));
});

Deno.test("bridge: a proxy's 503 is an unknown outcome, the server's own is not", async () => {
  await using folder = await tempFolder();
  await using server = await startServer({ server: "notebook", transport: "http" });
  const says = (status: number, body: string) => new Response(body, { status });
  // A proxy whose connection to the server broke may say 503 of a request that has run.
  await using proxy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { method, headers } = request;
      const body = await request.text();
      if (body.includes("sent away")) {
        const error = { code: -32000, message: "Service unavailable" };
        return says(503, JSON.stringify({ jsonrpc: "2.0", id: null, error }));
      }
      const response = await fetch(server.url, { method, headers, ...(body && { body }) });
      if (!body.includes("cut off")) return response;
      await response.text();
      return says(503, "upstream connect error or disconnect/reset before headers");
    },
  );
  await using host = await BridgeHost.connect(folder, [
    "--url",
    `http://127.0.0.1:${proxy.addr.port}/mcp`,
  ]);
  assert(isOutcomeUnknown(await host.call("notebook_append", { text: "cut off" }, A)));
  const { error } = await host.call("notebook_append", { text: "sent away" }, A);
  assertEquals(error?.data, { reason: "not_sent" });
  assertEquals((await host.tool("notebook_read", {}, A)).structuredContent.count, 1);
});

Deno.test("bridge: tells of a lost session that another client has replaced", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  const connect = () => behind.connect("--session", "notes");
  await using one = await connect();
  await using two = await connect();
  const lost = sessionOf(await one.tool("notebook_append", { text: "before" }));
  assertEquals(sessionOf(await two.tool("notebook_read")), lost);
  await behind.end(lost);
  const first = await one.tool("notebook_append", { text: "after" });
  assertMatch(first.content[0]?.text ?? "", /A new, empty session was started/);
  const [notice, text] = (await two.tool("notebook_read")).content;
  assertMatch(notice?.text ?? "", /is gone.*begun a new one since.*nothing from before/);
  assertEquals(text?.text, "1. after");
});

Deno.test("bridge: warns of a jar that it cannot use", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  await Deno.writeTextFile(`${behind.folder.path}/mcp-sessions`, "no folder");
  await using host = await behind.connect();
  const session = sessionOf(await host.tool("notebook_append", { text: "x" }, A));
  assertEquals(sessionOf(await host.tool("notebook_read", {}, A)), session);
  assertStringIncludes(host.stderr.join("\n"), "will not be found again");
});

Deno.test("bridge: an unreadable jar costs no named session", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  const connect = () => behind.connect("--session", "notes");
  {
    await using host = await connect();
    await host.tool("notebook_append", { text: "important" });
    assertEquals(await host.endInput(), 0);
  }
  await using host = await connect();
  const jar = `${behind.folder.path}/mcp-sessions/cookies.jsonl`;
  {
    // Another process is in the middle of a line.
    using lock = await Deno.open(`${jar}.lock`, { read: true, write: true });
    await lock.lock(true);
    await Deno.writeTextFile(jar, " ", { append: true });
    const { error } = await host.call("notebook_append", { text: "refused" });
    assertEquals(error?.data, { reason: "not_sent" });
    assertMatch(
      error?.message ?? "",
      /session could not be found or made in time.*not carried out/,
    );
    await Deno.truncate(jar, (await Deno.stat(jar)).size - 1);
  }
  await host.tool("notebook_append", { text: "more" });
  assertEquals((await host.tool("notebook_read")).content[0]?.text, "1. important\n2. more");
});

for (const way of WAYS) {
  Deno.test(`bridge: passes the error for an unknown method on, without a warning (${way})`, async () => {
    await using behind = await BridgedServer.start("notebook", way);
    await using host = BridgeHost.start(behind.folder, behind.args);
    // A host may begin so, and go on with initialize.
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const { supportedVersions } = Object(await host.result("server/discover", { _meta }));
    assertEquals(supportedVersions, ["2026-07-28"]);
    await host.initialize();
    const { error } = await host.request("x/unknown", {});
    assertEquals(error?.code, -32601);
    assertMatch(error?.message ?? "", /^Method not found/);
    assertEquals(host.stderr, []);
  });
}
