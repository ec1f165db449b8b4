import { assertEquals, assertMatch } from "@std/assert";
import { HandleJar } from "../../../client/bridge/handle_jar.ts";
import { HandleResponses } from "../../../client/bridge/handle_responses.ts";
import type { ResponseBody } from "../../../client/bridge/request_plan.ts";
import { ServerTools } from "../../../client/bridge/server_tools.ts";
import { MemoryJar } from "../../../client/mod.ts";

const TOOLS = [
  { name: "open", inputSchema: { type: "object", properties: {} } },
  { name: "closed", inputSchema: true },
];
const CALL = { name: "open" };
const REQUIRED = { code: -32002, message: "Session required" };
const ENDED = { ...REQUIRED, data: { reason: "ended" } };
const REFUSED = "Session required. Send session/create.";
const NO_HANDLE = /^This call needs a session, and names none/;
const DEAD = /^There is no session with this handle/;

/** Responses of a server that refuses by -32002 or in words, and whose sessions are gone or not. */
function responses({ refusesByCode = false, isGone = false } = {}) {
  const log = () => {};
  const { signal } = new AbortController();
  const jar = new HandleJar({ jar: new MemoryJar(), server: "s", user: "", log, signal });
  const tools = new ServerTools(() => Promise.resolve({ tools: TOOLS }), log);
  const layer = { refusesByCode, isGone: () => Promise.resolve(isGone) };
  return { jar, made: new HandleResponses({ layer, jar, tools, isOffered: () => true }) };
}

const response = (rest: object) => ({ jsonrpc: "2.0" as const, id: 1, result: { ...rest } });
const refusal = (error: typeof REQUIRED) => ({ jsonrpc: "2.0" as const, id: 1, error });
const said = (text: string, rest: object = {}) =>
  response({ content: [{ type: "text", text }], ...rest });
const cookie = (id: string, reason = "session/create") => ({
  _meta: { "mcp/session": { id, data: { title: "t", reason } } },
});

/** The texts of a result, which has no cookie. */
function texts(body: ResponseBody): string[] {
  if (!("result" in body)) return [JSON.stringify(body.error)];
  const { content, _meta } = body.result;
  assertEquals(_meta, undefined);
  return Array.isArray(content) ? content.map(({ text }) => text) : [];
}

Deno.test("HandleResponses: a call without a session that needs one tells how to get one", async () => {
  const { made } = responses();
  const failed = said(REFUSED, { isError: true });
  for (
    const [from, tool, says] of [
      [refusal(REQUIRED), "open", NO_HANDLE],
      [failed, "open", NO_HANDLE],
      [failed, "closed", /calls of this tool can name none.*--session NAME or --per-process/],
      [refusal(REQUIRED), "unlisted", /^The server lists no tool of this name/],
      [refusal(ENDED), "unlisted", /^The session ended while the tool ran/],
      [refusal({ code: -32601, message: "x" }), "open", /^\{"code":-32601,"message":"x"\}$/],
    ] as const
  ) {
    const [text = "", ...more] = texts(await made.withoutHandle(from, { name: tool }));
    assertMatch(text, says);
    assertEquals(more, []);
  }
  const byCode = responses({ refusesByCode: true }).made;
  assertEquals(texts(await byCode.withoutHandle(failed, CALL)), [REFUSED]);
});

Deno.test("HandleResponses: hints at a session until the tool has run without one", async () => {
  const { made } = responses();
  const failed = said("No such file", { isError: true });
  const [, hint = ""] = texts(await made.withoutHandle(failed, CALL));
  assertMatch(hint, /^This call named no session\. .*"session"/);
  assertEquals(texts(await made.withoutHandle(said("ok"), CALL)), ["ok"]);
  assertEquals(texts(await made.withoutHandle(failed, CALL)), ["No such file"]);
});

Deno.test("HandleResponses: keeps a session that the server gives, and tells its handle once", async () => {
  for (
    const [reason, says] of [["lazy", /new one: sess-1\./], ["host/name", /found one/]] as const
  ) {
    const { jar, made } = responses();
    const from = said("ok", cookie("sess-1", reason));
    assertMatch(texts(await made.withoutHandle(from, CALL))[1] ?? "", says);
    assertEquals(texts(await made.withoutHandle(from, CALL)), ["ok"]);
    assertEquals((await jar.list()).map(({ id }) => id), ["sess-1"]);
  }
});

Deno.test("HandleResponses: a call with a handle tells what became of its session", async () => {
  const failed = said("No such file", { isError: true });
  for (
    const [from, isGone, says, filed] of [
      [said("ok", cookie("sess-1")), false, [/^ok$/], ["sess-1"]],
      [said("ok", cookie("sess-2")), false, [/^ok$/, /another handle .*: sess-2$/], [
        "sess-1",
        "sess-2",
      ]],
      [said("ok", { _meta: { "mcp/session": null } }), false, [/^ok$/, /has ended/], ["sess-1"]],
      [failed, false, [/^No such file$/], ["sess-1"]],
      [failed, true, [DEAD, /^No such file$/], []],
      [said(REFUSED, { isError: true }), true, [DEAD], []],
      [refusal(REQUIRED), false, [DEAD], []],
      [refusal(ENDED), false, [/^The session ended while the tool ran/], []],
    ] as const
  ) {
    const { jar, made } = responses({ isGone });
    await jar.keep({ id: "sess-1" });
    const slot = await jar.open("sess-1");
    const got = texts(await made.withHandle(from, CALL, slot));
    assertEquals(got.length, says.length, got.join("\n"));
    for (const [at, pattern] of says.entries()) assertMatch(got[at] ?? "", pattern);
    assertEquals((await jar.list()).map(({ id }) => id), [...filed]);
  }
});
