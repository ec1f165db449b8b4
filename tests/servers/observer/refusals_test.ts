/** HTTP requests that are refused, in the audit log. */

import { assertEquals } from "@std/assert";
import { AuditLog } from "../../../servers/base/observer/audit_log.ts";
import { auditLines, hashOf } from "../../support/servers/audit_lines.ts";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import { modernHeaders, modernRequest } from "../../support/servers/modern_wire.ts";
import {
  callRequest,
  HEADERS,
  INITIALIZE,
  messagesOf,
  opened,
  post,
  request,
  startServer,
  statusOf,
} from "../../support/servers/server.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { presenting } from "../../support/servers/wire.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const PING = request("ping");

/** `fetch` does not let its caller choose the host. */
async function reboundStatus(url: string): Promise<number> {
  using connection = await RawConnection.open(url);
  await connection.post(PING, { host: "rebound.example.org" });
  return Number((await connection.response()).split(" ")[1]);
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`--audit ${flags}: tells of each kind of refusal, and counts its repetitions`, async () => {
    await using folder = await tempFolder();
    await using tokens = await tokensFile({ "alice-1": "alice" });
    const path = `${folder.path}/audit.jsonl`;
    await using server = await startServer({
      server: "notebook",
      transport: "http",
      flags: [...tokens.flags, ...flags, "--audit", path],
    });
    const { url } = server;
    const alice = bearer("alice-1");
    const statuses = [
      await reboundStatus(url),
      await statusOf(url, PING, { ...alice, origin: "https://evil.example.org" }),
      await statusOf(url, PING),
      await statusOf(url, PING, bearer("wrong")),
      await statusOf(url, PING, bearer("wrong")),
      await statusOf(url, PING, bearer("wrong")),
      await statusOf(url.replace("/mcp", "/other"), PING, alice),
      await statusOf(url, PING, { ...alice, accept: "text/html" }),
      await statusOf(url, "x".repeat(4 * 1024 * 1024 + 1), alice),
      await statusOf(url, "evil", alice),
      await statusOf(url, request("ping", { _meta: "evil" }), alice),
      await statusOf(url, PING, { ...alice, "mcp-protocol-version": "evil" }),
      await statusOf(url, modernRequest("evil"), { ...modernHeaders("wrong"), ...alice }),
    ];
    assertEquals(statuses, [403, 403, 401, 401, 401, 401, 404, 406, 413, 400, 400, 400, 400]);
    if (flags.length === 0) {
      const get = await fetch(url, { headers: { ...HEADERS, ...alice } });
      assertEquals([get.status, await get.body?.cancel()], [405, undefined]);
    }
    assertEquals(await server.stop(), 0);
    const principal = JSON.stringify(["tokens", "alice", "alice"]);
    const lines = await auditLines(path);
    assertEquals(lines.map(({ status, principal, count }) => [status, principal, count]), [
      [403, null, undefined],
      [403, null, undefined],
      [401, null, undefined],
      [401, null, undefined],
      [404, null, undefined],
      [406, principal, undefined],
      [413, principal, undefined],
      ...Array(4).fill([400, principal, undefined]),
      [401, null, 2],
    ]);
    for (const { event, address } of lines) {
      assertEquals([event, address], ["refused", "127.0.0.1"]);
    }
    const text = await Deno.readTextFile(path);
    for (const sent of ["rebound", "evil", "wrong", "text/html", "/other"]) {
      assertEquals(text.includes(sent), false, `the caller's ${sent} stands in the log`);
    }
  });
}

Deno.test("--audit --stateful: tells of what a transport session refuses", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/audit.jsonl`;
  await using server = await startServer({
    server: POLICIES,
    transport: "http",
    flags: ["--stateful", "--audit", path],
  });
  const { url } = server;
  const headers = await opened(url);
  const [created] = await messagesOf(await post(url, request("session/create"), headers));
  const _meta = { "mcp/session": created?.result?._meta?.["mcp/session"] };
  const held = post(url, callRequest("hold", { text: "kept" }, "twice", _meta), headers);
  await (await post(url, callRequest("held"), headers)).text();
  const statuses = [
    await statusOf(url, callRequest("held", {}, "twice"), headers),
    await statusOf(url, request("initialize", INITIALIZE), headers),
  ];
  assertEquals(statuses, [400, 400]);
  await (await post(url, callRequest("release"), headers)).text();
  await (await held).text();
  const lines = await auditLines(path);
  const refusals = lines.filter(({ event }) => event === "refused");
  assertEquals(refusals.map(({ status, reason }) => [status, reason]), [
    [400, "The id of a request must not be that of another one still in flight"],
    [400, "The transport session does not take it"],
  ]);
});

Deno.test("--audit: another's id is told as such, with the session that it was meant for", async () => {
  await using folder = await tempFolder();
  await using tokens = await tokensFile({ "alice-1": "alice", "bob-1": "bob" });
  const path = `${folder.path}/audit.jsonl`;
  await using server = await startServer({
    server: "notebook",
    transport: "http",
    flags: [...tokens.flags, "--audit", path],
  });
  const ask = async (token: string, method: string, params: object = {}) =>
    await (await post(server.url, request(method, params), bearer(token))).json();
  const { result: cookie } = await ask("alice-1", "session/create");
  const call = { name: "notebook_read", ...presenting({ id: cookie.id }) };
  const { error } = await ask("bob-1", "tools/call", call);
  assertEquals(error.data, { reason: "unknown" }, "its caller learns nothing of the difference");
  const [created, denied] = await auditLines(path);
  assertEquals([denied?.event, denied?.reason, denied?.id], [
    "denied",
    "foreign",
    hashOf(cookie.id),
  ]);
  assertEquals(denied?.session, created?.session);
  assertEquals([created, denied].map((line) => JSON.parse(line?.principal ?? "")[1]), [
    "alice",
    "bob",
  ]);
});

Deno.test("AuditLog: of very many kinds of refusals the most are only counted, and a principal's name stays ASCII", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/audit.jsonl`;
  const log = new AuditLog(path, { server: "test", log: () => {} });
  for (let repeated = 0; repeated < 3; repeated++) {
    for (let number = 0; number < 1000; number++) {
      const owner = `\u202e\u0085 ${number}`;
      log.refused({ status: 403, reason: "no", owner, address: undefined });
    }
  }
  log.close();
  log.refused({ status: 403, reason: "too late", owner: null, address: undefined });
  const lines = await auditLines(path);
  assertEquals(lines.length, 2 * 256 + 1);
  assertEquals(lines[255]?.principal, "\u202e\u0085 255");
  assertEquals(lines.slice(256, -1).every(({ count }) => count === 2), true);
  assertEquals(lines.at(-1)?.count, 3 * (1000 - 256));
});

Deno.test("AuditLog: of guesses from very many callers the most are only counted, and all else is told", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/audit.jsonl`;
  const log = new AuditLog(path, { server: "test", log: () => {} });
  const event = { owner: null, key: undefined, via: "cookie" };
  for (let number = 0; number < 3000; number++) {
    const address = `2001:db8:${number.toString(16)}::1`;
    log.session({
      ...event,
      kind: "denied",
      id: "0".repeat(16),
      address,
      reason: "unknown",
      count: 1,
    });
  }
  const told = { ...event, key: "k", id: undefined, address: undefined };
  log.session({ ...told, kind: "created" });
  log.session({ ...told, kind: "denied", reason: "foreign", count: 1 });
  log.close();
  const lines = await auditLines(path);
  assertEquals(lines.length, 1000 + 3);
  assertEquals(lines.slice(-3).map(({ event, count }) => [event, count]), [
    ["created", undefined],
    ["denied", 1],
    ["denied", 2000],
  ]);
});
