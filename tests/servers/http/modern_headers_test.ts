/** Headers of modern requests, which must say the same as the body. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  envelope,
  MODERN_VERSION,
  modernHeaders,
  modernRequest,
} from "../../support/servers/modern_wire.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { type HttpServer, post, startServer } from "../../support/servers/server.ts";

type Case = [
  why: string,
  method: string,
  params: Record<string, unknown>,
  headers: Record<string, string>,
  fault: "MCP-Protocol-Version" | "Mcp-Method" | "Mcp-Name" | undefined,
];

const version = (version: unknown) =>
  envelope({ "io.modelcontextprotocol/protocolVersion": version });
const without = (headers: Record<string, string>, name: string) =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
const LIST = modernHeaders("tools/list");
const CALL = modernHeaders("tools/call", "notebook_read");
const READ = { name: "notebook_read" };

const CASES: readonly Case[] = [
  ["all as it should be", "tools/list", {}, LIST, undefined],
  ["a name too many", "tools/list", {}, modernHeaders("tools/list", "x"), undefined],
  ["no version", "tools/list", {}, without(LIST, "mcp-protocol-version"), "MCP-Protocol-Version"],
  [
    "a legacy version",
    "tools/list",
    {},
    { ...LIST, "mcp-protocol-version": "2025-11-25" },
    "MCP-Protocol-Version",
  ],
  [
    "an unknown version in the body alone",
    "tools/list",
    { _meta: version("2099-01-01") },
    LIST,
    "MCP-Protocol-Version",
  ],
  [
    "a version twice",
    "tools/list",
    {},
    { ...LIST, "mcp-protocol-version": `${MODERN_VERSION}, ${MODERN_VERSION}` },
    "MCP-Protocol-Version",
  ],
  ["no method", "tools/list", {}, without(LIST, "mcp-method"), "Mcp-Method"],
  ["another method", "tools/list", {}, modernHeaders("prompts/list"), "Mcp-Method"],
  ["a method in capitals", "tools/list", {}, modernHeaders("TOOLS/LIST"), "Mcp-Method"],
  ["another removed method", "ping", {}, LIST, "Mcp-Method"],
  ["a method of sessions", "session/list", {}, modernHeaders("session/list"), undefined],
  ["another method of sessions", "session/list", {}, modernHeaders("session/create"), "Mcp-Method"],
  ["a listen without a method", "subscriptions/listen", {}, LIST, "Mcp-Method"],
  ["a named call", "tools/call", READ, CALL, undefined],
  [
    "blanks around a name",
    "tools/call",
    READ,
    { ...CALL, "mcp-name": " notebook_read\t " },
    undefined,
  ],
  ["no name", "tools/call", READ, without(CALL, "mcp-name"), "Mcp-Name"],
  ["an empty name", "tools/call", READ, { ...CALL, "mcp-name": "" }, "Mcp-Name"],
  ["another name", "tools/call", READ, { ...CALL, "mcp-name": "notebook_clear" }, "Mcp-Name"],
  ["a name in capitals", "tools/call", READ, { ...CALL, "mcp-name": "NOTEBOOK_READ" }, "Mcp-Name"],
  [
    "a name in Base64",
    "tools/call",
    READ,
    { ...CALL, "mcp-name": "=?base64?bm90ZWJvb2tfcmVhZA==?=" },
    undefined,
  ],
  [
    "a name in broken Base64",
    "tools/call",
    READ,
    { ...CALL, "mcp-name": "=?base64?bm90ZWJvb2tfcmVhZA?=" },
    "Mcp-Name",
  ],
  [
    "a name in bytes that are no ASCII",
    "tools/call",
    { name: "Ã¼" },
    modernHeaders("tools/call", "Ã¼"),
    "Mcp-Name",
  ],
  [
    "a prompt without a name",
    "prompts/get",
    { name: "p" },
    modernHeaders("prompts/get"),
    "Mcp-Name",
  ],
  ["a prompt's name", "prompts/get", { name: "p" }, modernHeaders("prompts/get", "p"), undefined],
  [
    "a resource by its name",
    "resources/read",
    { uri: "file:///a", name: "a" },
    modernHeaders("resources/read", "a"),
    "Mcp-Name",
  ],
  [
    "a resource by its URI",
    "resources/read",
    { uri: "file:///ä" },
    modernHeaders("resources/read", "=?base64?ZmlsZTovLy/DpA==?="),
    undefined,
  ],
  // What is wrong with the body itself is told first.
  ["a call of nothing", "tools/call", {}, modernHeaders("tools/call"), undefined],
  ["a call of a number", "tools/call", { name: 7 }, modernHeaders("tools/call", "7"), undefined],
  ["no envelope", "server/discover", { _meta: {} }, {}, undefined],
  ["a version that is no text", "tools/list", { _meta: version(7) }, {}, undefined],
];

for (const flags of [[], ["--stateful"]]) {
  const name = ["http", ...flags].join(" ");
  const start = (...more: string[]) =>
    startServer({ server: "notebook", transport: "http", flags: [...flags, ...more] });

  const errorOf = async ({ url }: HttpServer, [, method, params, headers]: Case) => {
    const response = await post(url, modernRequest(method, params, "id"), headers);
    const { id, error } = await response.json();
    assertEquals(id, "id");
    return { status: response.status, code: error?.code, message: `${error?.message}` };
  };

  Deno.test(`headerMismatch() over ${name}: headers that contradict the body are -32020 with 400`, async () => {
    await using server = await start();
    for (const each of CASES) {
      const [why, , , , fault] = each;
      const { status, code, message } = await errorOf(server, each);
      if (fault === undefined) assertEquals(code === -32020, false, `${why}: ${message}`);
      else {
        assertEquals([status, code], [400, -32020], why);
        assertMatch(message, new RegExp(`: ${fault} must be the \\S+ of the body; send that`), why);
      }
    }
  });

  Deno.test(`headerMismatch() over ${name}: header names are in any case, and blanks around values nothing`, async () => {
    await using server = await start();
    using connection = await RawConnection.open(server.url);
    const body = modernRequest("tools/call", { name: "notebook_read" });
    await connection.post(body, {
      "MCP-PROTOCOL-VERSION": `\t${MODERN_VERSION} `,
      "Mcp-Method": "  tools/call  ",
      "MCP-name": "\t notebook_read \t",
    });
    // It has passed: the tool misses a session.
    assertMatch(await connection.response(), /^HTTP\/1.1 200 [^]*This call needs a session/);
  });

  Deno.test(`--era legacy over ${name}: a modern request is -32601 with 400, whatever its headers`, async () => {
    await using server = await start("--era", "legacy");
    for (const each of CASES) {
      const { status, code, message } = await errorOf(server, each);
      assertEquals([status, code], [400, -32601], each[0]);
      assertMatch(message, /initialize \(2025-11-25, /);
    }
  });
}
