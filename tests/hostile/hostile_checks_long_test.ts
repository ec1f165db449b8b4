/** The hostile client against servers that are broken on purpose: it must find each fault. */

import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { checkEra } from "./era_verdict.ts";
import { expectedFor } from "./expected.ts";
import { readResponses } from "./http_responses.ts";
import { Ledger } from "./ledger.ts";
import { attackHttp } from "./over_http.ts";
import { attackStdio } from "./over_stdio.ts";
import { shot } from "./siege.ts";
import { checkMessage, checkText, Fault } from "./verdict.ts";

const server = new URL("../fixtures/broken_wire.ts", import.meta.url);
const attacks = { http: attackHttp, stdio: attackStdio };

/** The broken servers, with the fault to be found. */
const BROKEN: readonly [
  name: string,
  transport: keyof typeof attacks,
  fault: RegExp,
  handles?: boolean,
][] = [
  ["leaksIds", "http", /session's id leaks.*TEST_SEED=7/],
  ["leaksIds", "stdio", /session's id leaks.*TEST_SEED=7/],
  ["leaksSecrets", "http", /session's secret leaks/],
  ["leaksSecrets", "stdio", /session's secret leaks/],
  ["showsStack", "http", /stack trace leaks/],
  ["showsStack", "stdio", /stack trace leaks/],
  ["logsSecrets", "http", /In the log: Another session's secret/],
  ["logsSecrets", "stdio", /In the log: Another session's secret/],
  ["logsIds", "http", /In the log: Another session's id/],
  ["hangs", "http", /No answer and no end after 500 ms.*TEST_SEED=7, request \d/],
  ["hangs", "stdio", /After 500 ms there is no answer to "?\w.*TEST_SEED=7, request \d/],
  ["exits", "http", /ended with status 0|\b\d+ responses to \d+ requests/],
  ["exits", "stdio", /ended with status 0/],
  ["crashes", "stdio", /ended with status 1/],
  ["printsText", "stdio", /Not JSON: "a text"/],
  ["printsHalfAMessage", "stdio", /Not a message of JSON-RPC/],
  ["answersUnasked", "stdio", /A response to .*unasked.*, which was not requested/],
  ["status500", "http", /Status 500/],
  ["cutsJson", "http", /Not JSON/],
  ["givesTheOldCode", "http", /A modern answer has the reserved code -32002/],
  ["givesTheOldKey", "http", /A modern answer has the old key/],
  ["givesNoResultType", "http", /A modern result has no resultType/],
  ["sharesNotes", "http", /The neighbour finds/],
  ["countsOften", "http", /the server counts/],
  ["leaksIds", "http", /session's id leaks.*TEST_SEED=7/, true],
  ["leaksIds", "stdio", /session's id leaks.*TEST_SEED=7/, true],
  ["sharesNotes", "http", /The neighbour finds/, true],
  // The attacker may be the first to see them.
  ["sharesNotes", "stdio", /The neighbour finds|session's secret leaks/, true],
];

for (const [name, transport, fault, handles = false] of BROKEN) {
  const over = handles ? `${transport} with --handles` : transport;
  Deno.test({
    name: `hostile client over ${over}: finds the fault of a server that ${name}`,
    ignore: Deno.build.os === "windows" && transport === "http",
    async fn() {
      const answerMs = name === "hangs" ? 500 : 20_000;
      const options = { server, args: [name], seed: 7, requests: 1000, answerMs, handles };
      const error = await assertRejects(() => attacks[transport](options), Fault);
      assertMatch(error.message, fault);
    },
  });
}

const HEAD = "HTTP/1.1 200 OK\r\n";

Deno.test("readResponses(): refuses what is not HTTP", () => {
  const broken = [
    "nonsense",
    "HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    `${HEAD}no colon\r\n\r\n`,
    `${HEAD}a: b\0\r\n\r\n`,
    `${HEAD}content-length: -1\r\n\r\n`,
    `${HEAD}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`,
    `${HEAD}transfer-encoding: chunked\r\n\r\nx\r\n\r\n`,
    `${HEAD}transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n`,
    `${HEAD}content-length: 1\r\n\r\nabc and more`,
  ];
  for (const text of broken) {
    assertThrows(() => readResponses(new TextEncoder().encode(text), ["POST"], true), Fault);
  }
});

Deno.test("readResponses(): reads HTTP, and waits for incomplete responses", () => {
  const whole: [text: string, bodies: string[]][] = [
    [`${HEAD}content-length: 2\r\n\r\nab`, ["ab"]],
    [`${HEAD}transfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n`, ["abc"]],
    [`HTTP/1.1 100 Continue\r\n\r\n${HEAD}content-length: 0\r\n\r\n`, [""]],
    [`HTTP/1.1 204 None\r\n\r\n${HEAD}content-length: 1\r\n\r\nx`, ["", "x"]],
  ];
  for (const [text, bodies] of whole) {
    const bytes = new TextEncoder().encode(text);
    const read = (end: number) => readResponses(bytes.subarray(0, end), [], false).responses;
    const found = read(bytes.length).map(({ body }) => new TextDecoder().decode(body));
    assertEquals(found, bodies);
    assertEquals(read(bytes.length - 1).length, bodies.length - 1, "the last byte is needed");
  }
});

Deno.test("checkMessage(): refuses what is not JSON-RPC 2.0", () => {
  const broken = [
    "",
    "null",
    "[]",
    "{}",
    '{"jsonrpc":"1.0","id":1,"result":{}}',
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","id":null,"result":{}}',
    '{"jsonrpc":"2.0","id":1,"result":[]}',
    '{"jsonrpc":"2.0","id":1,"result":null}',
    '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}',
    '{"jsonrpc":"2.0","id":{},"error":{"code":1,"message":"x"}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"x"}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":1}}',
    '{"jsonrpc":"2.0","error":{"code":1,"message":"x"}}',
    '{"jsonrpc":"2.0","method":7}',
    '{"jsonrpc":"2.0","method":"x","params":7}',
  ];
  for (const text of broken) assertThrows(() => checkMessage(text), Fault, undefined, text);
});

Deno.test("checkEra(): finds what a modern answer must not have, and what a legacy one may", () => {
  const version = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
  const sent = (_meta: object) => ({ jsonrpc: "2.0", id: 1, method: "x", params: { _meta } });
  const modern = sent(version);
  const asking = sent({ ...version, "mcp/session": null });
  const legacy = sent({ "io.modelcontextprotocol/protocolVersion": "2025-11-25" });
  const error = (code: number, message = "x") => ({ id: 1, error: { code, message } });
  const result = (result: object) => ({ id: 1, result });
  const cookie = { _meta: { "mcp/session": {} }, resultType: "complete" };
  const good: [sent: unknown, answer: object][] = [
    [modern, result({ resultType: "complete" })],
    [modern, error(-31002)],
    [modern, error(-32020)],
    [modern, { id: null, error: { code: -32000, message: "x" } }],
    [asking, result(cookie)],
    [legacy, result({ _meta: { "mcp/session": {} } })],
    [legacy, error(-32002)],
    [undefined, error(-32002)],
  ];
  for (const [sent, answer] of good) checkEra(sent, answer);
  const bad: [sent: unknown, answer: object][] = [
    [modern, error(-32002)],
    [modern, error(-32043)],
    [asking, error(-32002)],
    [modern, error(-31002, 'Send it in _meta["mcp/session"].')],
    [modern, result(cookie)],
    [modern, result({})],
    [{ ...modern, method: "server/discover", params: {} }, result({})],
  ];
  for (const [sent, answer] of bad) assertThrows(() => checkEra(sent, answer), Fault);
});

Deno.test("checkText(): finds private text anywhere", () => {
  const priv = { ids: [`sess-${"0f".repeat(16)}`], secret: "a secret" };
  const harmless = [
    "an 0f0f",
    "a secre",
    "session.ts",
    "sess-0f0f0f0f…",
    "at noon",
    "at a text: 1",
  ];
  for (const text of harmless) checkText(text, priv);
  const private_ = [
    `x${"0f".repeat(16)}y`,
    "{a secret}",
    "Error: x\\n    at run (file:///server.ts:1:2)",
    "    at async ext:core/01_core.js:1",
    "server.ts:12:3",
  ];
  for (const text of private_) assertThrows(() => checkText(text, priv), Fault, undefined, text);
});

Deno.test("Ledger: knows missing and unexpected responses", () => {
  const line = (text: string) => expectedFor(new TextEncoder().encode(text), new Set(["c"]));
  const ledger = new Ledger([
    line('{"jsonrpc":"2.0","id":1,"method":"x"}'),
    line('{"jsonrpc":"2.0","id":1,"method":"x"}'),
    line('{"jsonrpc":"1.0","id":2,"method":"x"}'),
    line('{"jsonrpc":"2.0","method":"x"}'),
    line('{"jsonrpc":"2.0","id":"c","method":"x"}'),
    line(""),
    line("{"),
  ]);
  const missing = (...expected: string[]) => assertEquals(ledger.missing, expected);
  missing("null", "1", "2 or null");
  ledger.answered({ id: 1 });
  missing("null", "1", "2 or null");
  ledger.answered({ id: null });
  missing("1", "2 or null");
  ledger.answered({ id: null });
  missing("1");
  ledger.answered({ id: 1 });
  missing();
  assertThrows(() => {
    for (let count = 0; count < 10; count++) ledger.answered({ id: "3" });
  }, Fault);
});

Deno.test("shot(): the same seed and number give the same bytes", () => {
  for (const handles of [false, true]) {
    const aim = { own: ["sess-1"], other: `sess-${"0f".repeat(16)}`, others: ["x"], handles };
    const bytes = (seed: number) =>
      Array.from({ length: 100 }, (_, number) => `${shot(seed, number, aim).bytes.slice(0, 500)}`);
    assertEquals(bytes(7), bytes(7));
    assertNotEquals(bytes(7), bytes(8));
  }
});
