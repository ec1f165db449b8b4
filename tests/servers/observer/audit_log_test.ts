/** `--audit FILE`: the life of a session in lines that join, and from which no id can be had. */

import { assert, assertEquals, assertExists } from "@std/assert";
import { auditLines, hashOf } from "../../support/servers/audit_lines.ts";
import { POLICIES, vscode } from "../../support/servers/bound_calls.ts";
import { envelope, EXTENSION, postModern } from "../../support/servers/modern_wire.ts";
import {
  HttpServer,
  messagesOf,
  type Server,
  type StartOptions,
  startServer,
  TRANSPORTS,
} from "../../support/servers/server.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { until } from "../../support/until.ts";

const ERAS = ["legacy", "modern"] as const;

/** Sends a request of an era that presents an id, and gives the id of the cookie in its result. */
async function ask(
  server: Server,
  era: typeof ERAS[number],
  method: string,
  params: Record<string, unknown> = {},
  id?: string,
): Promise<string | undefined> {
  const key = era === "legacy" ? "mcp/session" : EXTENSION;
  const own = id === undefined ? {} : { [key]: { id } };
  const _meta = era === "legacy" ? own : envelope(own, { extensions: { [EXTENSION]: {} } });
  const all = { ...params, _meta };
  const reply = era === "modern" && server instanceof HttpServer
    ? (await messagesOf(await postModern(server.url, method, all))).at(-1)
    : await server.request(method, all);
  const cookie: unknown = reply?.result?._meta?.[key];
  return cookie === null ? undefined : Object(cookie).id;
}

for (const transport of TRANSPORTS) {
  for (const era of ERAS) {
    Deno.test(`--audit over ${transport}, ${era}: the lines of a life join, and no id can be had from them`, async () => {
      await using folder = await tempFolder();
      const path = `${folder.path}/logs/audit.jsonl`;
      const options: StartOptions = {
        server: POLICIES,
        transport,
        store: `file:${folder.path}/sessions.jsonl`,
        flags: ["--audit", path],
      };
      const call = (name: string) => ({ name, arguments: { text: "a branch" } });
      const ids: string[] = [];
      {
        await using server = await startServer(options);
        ids.push(await ask(server, era, "session/create") ?? "");
        await ask(server, era, "tools/call", call("count"), ids[0]);
      }
      {
        await using server = await startServer(options);
        await ask(server, era, "tools/call", call("count"), ids[0]);
        const before = await auditLines(path);
        await ask(server, era, "tools/call", call("count"), ids[0]);
        await ask(server, era, "tools/list", {}, ids[0]);
        assertEquals(await auditLines(path), before, "an ordinary call wrote a line");
        ids.push(await ask(server, era, "tools/call", call("regenerate"), ids[0]) ?? "");
        await ask(server, era, "tools/call", call("count"), ids[0]);
        await ask(server, era, "tools/call", call("fork"), ids[1]);
        await ask(server, era, "session/delete", {}, ids[1]);
        await ask(server, era, "tools/call", call("count"), ids[1]);
      }
      const lines = await auditLines(path);
      const told = lines.map(({ event, via, reason }) =>
        [event, via, reason ?? ""].join(" ").trim()
      );
      assertEquals(told, [
        "created session/create",
        "resumed cookie",
        "regenerated cookie",
        "denied cookie unknown",
        "forked cookie",
        "deleted session/delete",
        "denied cookie unknown",
      ]);
      const [created, resumed, regenerated, replayed, forked, deleted, again] = lines;
      assertExists(created?.session);
      for (const line of [resumed, regenerated, deleted]) {
        assertEquals(line?.session, created.session);
      }
      assertEquals(forked?.from, created.session);
      assert(forked?.session !== created.session);
      const [first = "", second = ""] = ids.map(hashOf);
      assertEquals([created, resumed, regenerated, replayed].map((line) => line?.id), [
        ...Array(4).fill(first),
      ]);
      assertEquals([deleted?.id, again?.id], [second, second]);
      const address = transport === "http" ? "127.0.0.1" : undefined;
      for (const line of lines) {
        assertEquals([line.principal, line.address, line.server], [null, address, "policies"]);
      }
      const { mode } = await Deno.stat(path);
      if (Deno.build.os !== "windows") assertEquals((mode ?? 0) & 0o777, 0o600);
      const text = await Deno.readTextFile(path);
      for (const id of ids) {
        assertEquals(id.length, 37);
        for (let at = 5; at + 8 <= id.length; at++) {
          assert(!text.includes(id.slice(at, at + 8)), "a part of an id stands in the log");
        }
      }
    });
  }
}

Deno.test("--audit: sessions that are lazy, bound, replaced and revoked are told of when they are made", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/audit.jsonl`;
  await using server = await startServer({
    server: "session",
    transport: "stdio",
    flags: ["--audit", path],
  });
  const probe = (action: string, _meta: Record<string, unknown>) =>
    server.result("tools/call", { name: "session_probe", arguments: { action }, _meta });
  await Promise.all([1, 2, 3].map(() => probe("status", vscode("one"))));
  await probe("new", vscode("one"));
  const lazy = await probe("status", {});
  await probe("revoke", { "mcp/session": lazy._meta?.["mcp/session"] });
  const lines = await auditLines(path);
  const [first, , renewed] = lines;
  assertEquals(lines.map(({ event, via, from }) => ({ event, via, from })), [
    { event: "created", via: "conversation", from: undefined },
    { event: "deleted", via: "conversation", from: undefined },
    { event: "created", via: "replace", from: first?.session },
    { event: "created", via: "created", from: undefined },
    { event: "deleted", via: "cookie", from: undefined },
  ]);
  assert(renewed?.session !== first?.session);
});

Deno.test("--audit: of several processes that make a conversation's session at once, one has created it", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/audit.jsonl`;
  const start = () =>
    startServer({
      server: "session",
      transport: "stdio",
      store: `file:${folder.path}/sessions.jsonl`,
      flags: ["--audit", path],
    });
  await using one = await start();
  await using other = await start();
  const conversations = Array.from({ length: 20 }, (_, at) => `conversation ${at}`);
  await Promise.all(
    conversations.flatMap((conversation) =>
      [one, other, one, other].map((server) =>
        server.result("tools/call", { name: "session_probe", _meta: vscode(conversation) })
      )
    ),
  );
  const lines = await auditLines(path);
  const keysOf = (event: string) =>
    lines.filter((line) => line.event === event).map(({ session }) => session).sort();
  assertEquals(new Set(keysOf("created")).size, conversations.length);
  assertEquals(keysOf("resumed"), keysOf("created"), "the other process sees each once");
  assertEquals(lines.length, 2 * conversations.length);
});

Deno.test("--audit: the tools for handles are told of by their names", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/audit.jsonl`;
  await using server = await startServer({
    server: "notebook",
    transport: "stdio",
    flags: ["--handles", "--audit", path],
  });
  const made = await server.toolResult("session_create");
  const handle = made.structuredContent.session;
  await server.toolResult("notebook_append", { text: "a", session: handle });
  await server.toolResult("session_end", { session: handle });
  await server.toolResult("notebook_append", { text: "a", session: handle });
  const lines = await auditLines(path);
  assertEquals(lines.map(({ event, via }) => `${event} ${via}`), [
    "created session_create",
    "deleted session_end",
    "denied handle",
  ]);
  assertEquals(lines[1]?.id, lines[2]?.id);
});

Deno.test("--audit -: the lines stand on standard error", async () => {
  await using server = await startServer({
    server: "notebook",
    transport: "stdio",
    flags: ["--audit", "-"],
  });
  await server.create();
  await until(() => server.stderr, (lines) => lines.some((line) => line.includes('"created"')));
});

Deno.test("--audit: a file that cannot be opened ends the start, with the reason", async () => {
  await using folder = await tempFolder();
  const server = await startServer({
    server: "notebook",
    transport: "stdio",
    flags: ["--audit", folder.path],
  });
  assertEquals(await server.ended(), 1);
  assert(server.stderr.join().includes(`Cannot open the audit log at ${folder.path}`));
});

Deno.test("--audit: goes on in a line of its own after a part of one, which a full disk has left", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/audit.jsonl`;
  const rest = '{"time":"2026-01-01T';
  await Deno.writeTextFile(path, rest);
  for (const round of [1, 2]) {
    await using server = await startServer({
      server: "notebook",
      transport: "stdio",
      flags: ["--audit", path],
    });
    await server.create();
    const [torn, ...lines] = (await Deno.readTextFile(path)).trimEnd().split("\n");
    assertEquals(torn, rest);
    assertEquals(lines.map((line) => JSON.parse(line).event), Array(round).fill("created"));
  }
});

Deno.test({
  name: "--audit: a file that is there keeps its mode",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    const path = `${folder.path}/audit.jsonl`;
    await Deno.writeTextFile(path, "", { mode: 0o640 });
    await Deno.chmod(path, 0o640);
    await using server = await startServer({
      server: "notebook",
      transport: "stdio",
      flags: ["--audit", path],
    });
    await server.create();
    assertEquals((await auditLines(path)).length, 1);
    assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o640);
  },
});
