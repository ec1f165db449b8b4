import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Reply,
  type Server,
  type ServerName,
  startServer,
  TRANSPORTS,
  type WireResult,
} from "../../support/servers/server.ts";
import { POLICIES, withTokens } from "../../support/servers/bound_calls.ts";
import { type Send, senderOf } from "../../support/servers/callers.ts";

const clashing = (kind: string) => new URL(`../../fixtures/clashing.ts?${kind}`, import.meta.url);
const OWN = ["session_create", "session_list", "session_end"];
const DEAD = "sess-" + "0".repeat(32);
const NONE = { "mcp/session": null };
const WHERES = [["stdio"], ["http"], ["http", "--stateful"]] as const;

async function called(send: Send, name: string, args = {}, _meta = {}): Promise<WireResult> {
  const { result, error } = await send("tools/call", { name, arguments: args, _meta });
  assert(result, JSON.stringify(error));
  return result;
}

const refused = async (send: Send, name: string, args = {}, _meta = {}): Promise<Reply["error"]> =>
  (await send("tools/call", { name, arguments: args, _meta })).error;

/** The log of a server, once it has stopped. */
async function logOf(server: Server): Promise<string> {
  await server.stop("SIGTERM");
  return server.stderr.join("\n");
}

const textOf = ({ content }: WireResult) => content.map(({ text }) => text).join("\n");

async function listed(send: Send, _meta = {}): Promise<WireResult["tools"]> {
  const { result, error } = await send("tools/list", { _meta });
  assert(result, JSON.stringify(error));
  return result.tools;
}

const namesOf = (tools: WireResult["tools"]) => tools.map(({ name }) => `${name}`);
const argumentsOf = (tool: Record<string, unknown> | undefined) =>
  Object.keys(Object(Object(tool?.inputSchema).properties));

/** Holds a result that tells a model without a session what to do, with no word of cookies. */
function assertTold(result: WireResult): void {
  assertEquals(result.isError, true, JSON.stringify(result));
  const text = textOf(result);
  assertMatch(text, /session_create.*argument "session"/);
  assert(!/cookie|session required|send session\/create/i.test(text), text);
}

for (const [transport, ...flags] of WHERES) {
  const where = [transport, ...flags].join(" ");
  const start = (server: ServerName, ...more: string[]) =>
    startServer({ server, transport, flags: [...flags, ...more] });

  Deno.test(`handles over ${where}: are offered by default to a caller that knows no sessions`, async () => {
    await using server = await start("notebook");
    const send = await senderOf(server);
    const tools = await listed(send);
    assertEquals(namesOf(tools).slice(0, 3), OWN);
    assertMatch(`${tools[0]?.description}`, /kept for 7 days without use/);
    for (const tool of tools.slice(3)) assertEquals(argumentsOf(tool).at(-1), "session");
    assertTold(await called(send, "notebook_append", { text: "lost" }));
    for (const session of [null, ""]) {
      assertTold(await called(send, "notebook_read", { session }));
    }
    const dead = await called(send, "notebook_read", { session: DEAD });
    assertTold(dead);
    const { session } = (await called(send, "session_create", { title: "a" })).structuredContent;
    await called(send, "notebook_append", { text: "milk", session });
    const read = await called(send, "notebook_read", { session });
    assertEquals(read.structuredContent.count, 1);
  });

  Deno.test(`handles over ${where}: are not shown to a caller whose request has the cookie's key`, async () => {
    await using server = await start("notebook");
    const send = await senderOf(server);
    for (const cookie of [null, { id: DEAD }, 7, {}]) {
      const _meta = { "mcp/session": cookie };
      const tools = await listed(send, _meta);
      assertEquals(namesOf(tools).filter((name) => OWN.includes(name)), []);
      for (const tool of tools) assert(!argumentsOf(tool).includes("session"));
      const error = await refused(send, "notebook_read", {}, _meta);
      assertEquals(error?.code, -32002);
      assertMatch(error?.message ?? "", /^Session required\. .*_meta\["mcp\/session"\]/);
    }
    // They work for it all the same.
    const made = await called(send, "session_create", {}, NONE);
    const { session } = made.structuredContent;
    const read = await called(send, "notebook_read", { session }, NONE);
    assertEquals(read.structuredContent.session_id, session);
    assertTold(await called(send, "notebook_read", { session: DEAD }, NONE));
  });

  Deno.test(
    `handles over ${where}: a session/* method proves session awareness of ${
      flags.length === 0 && transport === "http" ? "no later request" : "the connection"
    }`,
    async () => {
      await using server = await start("notebook");
      const send = await senderOf(server);
      const { result } = await send("session/list", {});
      assertEquals(result?.sessions, []);
      const knows = transport === "stdio" || flags.length > 0;
      assertEquals(namesOf(await listed(send)).includes("session_create"), !knows);
      const { result: told, error } = await send("tools/call", { name: "notebook_read" });
      if (told) assertTold(told);
      assertEquals(error?.code, knows ? -32002 : undefined);
    },
  );

  Deno.test(`handles over ${where}: one of the three tools proves no session awareness`, async () => {
    await using server = await start("notebook");
    const send = await senderOf(server);
    await called(send, "session_create");
    await called(send, "session_list");
    assertEquals(namesOf(await listed(send)).slice(0, 3), OWN);
    assertTold(await called(send, "notebook_read"));
  });

  Deno.test(`--handles never over ${where}: every refusal is the error, and nothing is listed`, async () => {
    await using server = await start("notebook", "--handles", "never");
    const send = await senderOf(server);
    assertEquals(namesOf(await listed(send)).filter((name) => OWN.includes(name)), []);
    assertEquals((await refused(send, "notebook_read"))?.code, -32002);
    assertEquals((await refused(send, "notebook_read", { session: DEAD }))?.code, -32002);
  });

  Deno.test(`handles over ${where}: session_required offers none without a flag`, async () => {
    await using server = await start("session_required");
    const send = await senderOf(server);
    assertEquals(namesOf(await listed(send)), ["echo", "whoami"]);
    assertEquals((await refused(send, "whoami"))?.code, -32002);
    await using auto = await start("session_required", "--handles=auto");
    assertTold(await called(await senderOf(auto), "whoami"));
  });

  Deno.test(`a lazy session over ${where}: is told to a caller that knows no sessions`, async () => {
    await using server = await start("session");
    const send = await senderOf(server);
    const first = await called(send, "session_probe");
    assertEquals(first.content.length, 2);
    const handle = first._meta?.["mcp/session"]?.id ?? "";
    assert(first.content[1]?.text.includes(handle));
    assertMatch(first.content[1]?.text ?? "", /argument "session"/);
    const again = await called(send, "session_probe", { session: handle });
    assertEquals([again.content.length, again.structuredContent.calls], [1, 2]);
    // The session that replaced a lazy one is new to the model, too.
    const other = await called(send, "session_probe", { action: "new" });
    assert(other.content[1]?.text.includes(other._meta?.["mcp/session"]?.id ?? "none"));
    const revoked = await called(send, "session_probe", { action: "revoke" });
    assertEquals(revoked.content.length, 1);
    assertEquals((await called(send, "session_probe", {}, NONE)).content.length, 1);
    assertEquals((await called(send, "session_probe", { action: "none" })).content.length, 1);
  });
}

for (const [transport, ...flags] of WHERES) {
  const where = [transport, ...flags].join(" ");
  Deno.test(`handles over ${where}: a notification about a list does not break discovery`, async () => {
    const telling = clashing("telling");
    await using server = await startServer({ server: telling, transport, flags: [...flags] });
    const send = await senderOf(server);
    const { structuredContent } = await called(send, "strict", { session: "" });
    assertEquals(structuredContent?.args, {});
  });
}

for (const transport of TRANSPORTS) {
  Deno.test(`handles over ${transport}: none are offered where a tool has the name of one of the three`, async () => {
    await using server = await startServer({ server: clashing("name"), transport });
    const send = await senderOf(server);
    const tools = await listed(send);
    assertEquals(namesOf(tools), ["innocent", "session_end"]);
    assertEquals(argumentsOf(tools[0]), ["text"]);
    const { structuredContent } = await called(send, "session_end", { session: "of its own" });
    assertEquals(structuredContent.args, { session: "of its own" });
    assertMatch(await logOf(server), /warn: Handles are not offered as .*session_end/);
  });

  Deno.test(`handles over ${transport}: the argument is session_handle where a tool has a session of its own`, async () => {
    await using server = await startServer({ server: clashing("argument"), transport });
    const send = await senderOf(server);
    // Also when the tool is called before anybody has listed it.
    const early = await called(send, "seance", { session: "of its own" });
    assertEquals(early.structuredContent, { args: { session: "of its own" }, id: null, via: null });
    const tools = await listed(send);
    assertEquals(namesOf(tools), [...OWN, "innocent", "seance"]);
    assertEquals(tools.slice(3).map((tool) => argumentsOf(tool)), [
      ["text", "session_handle"],
      ["session", "session_handle"],
    ]);
    const made = await called(send, "session_create");
    assertMatch(textOf(made), /argument "session_handle"/);
    const { session } = made.structuredContent;
    const args = { session: "of its own", session_handle: session };
    assertEquals((await called(send, "seance", args)).structuredContent, {
      args: { session: "of its own" },
      id: session,
      via: "handle",
    });
    const ended = await called(send, "session_end", { session });
    assertEquals(ended.structuredContent, { session, ended: true });
    const stderr = await logOf(server);
    assertEquals(stderr.match(/warn: .*"session_handle" as its tool seance/g)?.length, 1, stderr);
  });

  Deno.test(`handles over ${transport}: a tool that can take no further argument is left as it is`, async () => {
    await using server = await startServer({ server: clashing("closed"), transport });
    const send = await senderOf(server);
    const tools = await listed(send);
    assertEquals(namesOf(tools), [...OWN, "innocent", "record"]);
    assertEquals(tools[4]?.inputSchema, { type: "object", maxProperties: 1 });
    const { structuredContent } = await called(send, "record", { session: DEAD });
    assertEquals(structuredContent.args, { session: DEAD });
    assertTold(await called(send, "innocent", { session: DEAD }));
    assertMatch(await logOf(server), /warn: Calls of it cannot name a session as its tool record/);
  });

  Deno.test(`handles over ${transport}: 500 tools grow by a line each`, async () => {
    await using server = await startServer({ server: clashing("many"), transport });
    const send = await senderOf(server);
    const length = (tools: unknown[]) => JSON.stringify(tools).length;
    const [grown, plain] = [(await listed(send)).slice(3), await listed(send, NONE)];
    assertEquals([grown.length, plain.length], [500, 500]);
    const growth = (length(grown) - length(plain)) / 500;
    assert(growth < 100, `a tool grows by ${growth} bytes`);
  });
}

for (const mode of ["auto", "always"]) {
  Deno.test(`--handles ${mode}: a tool that takes arguments of any name is served, with session_handle`, async () => {
    const flags = ["--handles", mode];
    const loose = clashing("loose");
    await using server = await startServer({ server: loose, transport: "stdio", flags });
    const send = await senderOf(server);
    assertEquals((await listed(send)).slice(3).map((tool) => argumentsOf(tool)), [
      ["text", "session_handle"],
      ["session_handle"],
    ]);
    const { session } = (await called(send, "session_create")).structuredContent;
    const { structuredContent } = await called(send, "loose", {
      session: 1,
      session_handle: session,
    });
    assertEquals(structuredContent, { args: { session: 1 }, id: session, via: "handle" });
    const stderr = await logOf(server);
    assertMatch(stderr, /"session_handle" as its tool loose takes arguments of any name/);
  });
}

for (
  const [kind, named] of [
    ["name", "session_end"],
    ["argument", 'seance has an argument "session"'],
    ["closed", "record"],
  ] as const
) {
  for (const flag of ["--handles", "--handles=always"]) {
    Deno.test(`${flag}: is refused at start for a server that is in its way: ${named}`, async () => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", clashing(kind).href, flag, "--store", "memory:"],
        env: { NO_COLOR: "1" },
        stdin: "null",
      }).output();
      const text = new TextDecoder().decode(stderr);
      assertEquals([code, stdout.length], [2, 0], text);
      assertMatch(text, /^clashing: --handles cannot be used as [^\n]+\n$/);
      assert(text.includes(named), text);
    });
  }
}

Deno.test("handles: the argument is described as not needed where a call is bound", async () => {
  const description = async (flags: string[], env: Record<string, string>, _meta = {}) => {
    await using server = await startServer({ server: "notebook", transport: "stdio", flags, env });
    const schema = Object((await listed(await senderOf(server), _meta)).at(-1)?.inputSchema);
    return `${schema.properties.session.description}`;
  };
  assertMatch(await description([], {}), /from session_create/);
  assertMatch(await description(["--session", "mine"], {}), /not needed/);
  assertMatch(await description([], { CLAUDE_CODE_SESSION_ID: "one" }), /not needed/);
  assertMatch(await description([], {}, { threadId: "one" }), /not needed/);
  assertMatch(
    await description(["--bind", "none"], {}, { threadId: "one" }),
    /from session_create/,
  );
});

Deno.test("handles: a bound call needs none, and is told none", async () => {
  await using server = await startServer({ server: POLICIES, transport: "stdio" });
  const send = await senderOf(server);
  const bound = await called(send, "via_lazy", {}, { threadId: "one" });
  assertEquals([bound.structuredContent.via, bound.content.length], ["conversation", 1]);
  const made = await called(send, "via_lazy");
  assertEquals([made.structuredContent.via, made.content.length], ["created", 2]);
  // The session of a conversation is not listed, even once a tool has replaced it.
  await called(send, "replace_twice", {}, { threadId: "one" });
  const { sessions } = (await called(send, "session_list")).structuredContent;
  assert(Array.isArray(sessions));
  assertEquals(sessions.map(({ session }) => session), [made.structuredContent.session_id]);
});

Deno.test("session_list: finds handles behind a thousand sessions of conversations", async () => {
  await using server = await startServer({ server: POLICIES, transport: "stdio" });
  const send = await senderOf(server);
  for (let i = 0; i < 1001; i++) await called(send, "via", {}, { threadId: `${i}` });
  const { session } = (await called(send, "session_create")).structuredContent;
  const { sessions, has_more } = (await called(send, "session_list")).structuredContent;
  assert(Array.isArray(sessions));
  assertEquals([sessions.map((listed) => listed.session), has_more], [[session], false]);
});

Deno.test("a refusal over HTTP: tells an anonymous caller that a token would make its conversation count", async () => {
  await withTokens(["--allow-anonymous"], async (server) => {
    const anybody = await senderOf(server);
    const conversation = { threadId: "one" };
    const told = await called(anybody, "read", {}, conversation);
    assertTold(told);
    assertMatch(textOf(told), /token/);
    assert(!/token/.test(textOf(await called(anybody, "read"))));
    const error = await refused(anybody, "read", {}, { ...conversation, ...NONE });
    assertEquals(error?.code, -32002);
    assertMatch(error?.message ?? "", /token/);
    const alice = await senderOf(server, "a-token");
    assertEquals((await called(alice, "read", {}, conversation)).isError, undefined);
  });
});

for (const transport of TRANSPORTS) {
  Deno.test(`a refusal over ${transport}: stands once in the log, with advice`, async () => {
    const advice = async (flags: string[], _meta = {}) => {
      const all = [...flags, "--log-level", "info"];
      await using server = await startServer({ server: "notebook", transport, flags: all });
      const send = await senderOf(server);
      for (let i = 0; i < 3; i++) await send("tools/call", { name: "notebook_read", _meta });
      return (await logOf(server)).match(/info: A call had no session.*/g) ?? [];
    };
    const [never, ...more] = await advice(["--handles", "never"]);
    assertMatch(never ?? "", /--session NAME.*--handles/);
    assertEquals(never?.includes("tokens"), transport === "http");
    assertEquals(more, []);
    const [offered, ...others] = await advice([]);
    assertMatch(offered ?? "", /--session NAME.*its model was told to make one/);
    assertEquals(others, []);
    assertEquals(await advice(["--handles", "never"], NONE), []);
  });
}
