import { assertEquals, assertThrows } from "@std/assert";
import type { CookieKey } from "../../protocol/cookie.ts";
import { withKeys } from "../../protocol/cookie_keys.ts";
import type { Envelope } from "../../protocol/era.ts";
import {
  checkMethod,
  type ModernRequest,
  toDiscovery,
  toLegacyParams,
  toModernError,
  toModernResult,
} from "../../protocol/era_translation.ts";
import { WireError } from "../../protocol/errors.ts";

const LEGACY = "mcp/session";
const MODERN = "io.github.mcp-sessions/session";
const SERVER = "io.modelcontextprotocol/serverInfo";
const EXTENSION = { version: 2, features: ["create", "list", "delete"] };

const COOKIE = { id: "sess-1" };

function envelope(clientCapabilities: Record<string, unknown> = {}): Envelope {
  return { clientCapabilities, clientInfo: undefined, logLevel: undefined };
}

/** A request of a client that knows no sessions. */
const PLAIN: ModernRequest = {
  method: "tools/call",
  tool: "echo",
  uri: undefined,
  knowsSessions: false,
  keys: [MODERN],
};

const AWARE: ModernRequest = { ...PLAIN, knowsSessions: true };

Deno.test.each<
  readonly [meta: Record<string, unknown>, legacy: Record<string, unknown>, keys: CookieKey[]]
>([
  [{ a: 1 }, { a: 1 }, [MODERN]],
  [{ [LEGACY]: COOKIE }, { [LEGACY]: COOKIE }, [LEGACY]],
  [{ [MODERN]: COOKIE }, { [LEGACY]: COOKIE }, [MODERN]],
  [{ [MODERN]: null }, { [LEGACY]: null }, [MODERN]],
  [{ [MODERN]: 7 }, { [LEGACY]: 7 }, [MODERN]],
  [{ [LEGACY]: COOKIE, [MODERN]: COOKIE }, { [LEGACY]: COOKIE }, [LEGACY, MODERN]],
  [{ [LEGACY]: null, [MODERN]: COOKIE }, { [LEGACY]: COOKIE }, [LEGACY, MODERN]],
  [{ [LEGACY]: COOKIE, [MODERN]: null }, { [LEGACY]: COOKIE }, [LEGACY, MODERN]],
])("toLegacyParams: %j becomes %j", (_meta, legacy, keys) => {
  const { params, request } = toLegacyParams("tools/call", { name: "echo", _meta }, envelope());
  assertEquals(params, { name: "echo", _meta: legacy });
  assertEquals(request, { ...PLAIN, knowsSessions: LEGACY in legacy, keys });
});

Deno.test("toLegacyParams: says inside that a client knows sessions which declares the extension", () => {
  const capabilities = { extensions: { [MODERN]: {} } };
  const { params, request } = toLegacyParams(
    "tools/call",
    { name: "echo" },
    envelope(capabilities),
  );
  assertEquals(params, { name: "echo", _meta: { [LEGACY]: null } });
  assertEquals(request, AWARE);
});

Deno.test("toLegacyParams: takes nothing for the extension but an object under its name", () => {
  for (const extensions of [undefined, null, [MODERN], { [MODERN]: null }, { [MODERN]: true }]) {
    const { request } = toLegacyParams("tools/call", {}, envelope({ extensions }));
    assertEquals(request.knowsSessions, false);
  }
});

Deno.test("toLegacyParams: notes the resource that is read", () => {
  const { request } = toLegacyParams("resources/read", { uri: "a:b", name: "echo" }, envelope());
  assertEquals(request, { ...PLAIN, method: "resources/read", tool: undefined, uri: "a:b" });
});

Deno.test("toLegacyParams: refuses two cookies of different sessions", () => {
  const _meta = { [LEGACY]: { id: "a" }, [MODERN]: { id: "b" } };
  const error = assertThrows(() => toLegacyParams("ping", { _meta }, envelope()), WireError);
  assertEquals(error.code, -32602);
});

Deno.test("toModernResult: is complete, and names the server", () => {
  const serverInfo = { name: "s", version: "1" };
  assertEquals(toModernResult({ content: [], _meta: { [LEGACY]: COOKIE } }, PLAIN, serverInfo), {
    result: {
      content: [],
      resultType: "complete",
      _meta: { [MODERN]: COOKIE, [SERVER]: serverInfo },
    },
  });
});

Deno.test.each<readonly [keys: CookieKey[], meta: Record<string, unknown>]>([
  [[LEGACY], { [LEGACY]: null }],
  [[MODERN], { [MODERN]: null }],
  [[LEGACY, MODERN], { [LEGACY]: null, [MODERN]: null }],
])("toModernResult: has its cookie under %j, as its request has", (keys, _meta) => {
  const answer = toModernResult({ _meta: { [LEGACY]: null } }, { ...AWARE, keys }, undefined);
  assertEquals(answer, { result: { resultType: "complete", _meta } });
});

Deno.test.each<readonly [method: string]>([
  ["server/discover"],
  ["tools/list"],
  ["prompts/list"],
  ["resources/list"],
  ["resources/templates/list"],
  ["resources/read"],
])("toModernResult: says of %s how long it can be kept", (method) => {
  const hints = (result: Record<string, unknown>) => {
    const answer = toModernResult(result, { ...PLAIN, method }, undefined);
    return "result" in answer ? [answer.result.ttlMs, answer.result.cacheScope] : answer;
  };
  assertEquals(hints({}), [0, "private"]);
  assertEquals(hints({ ttlMs: 5, cacheScope: "public" }), [5, "public"]);
  assertEquals(hints({ ttlMs: 0, cacheScope: "private" }), [0, "private"]);
  assertEquals(hints({ ttlMs: 5 }), [0, "private"]);
  assertEquals(hints({ ttlMs: -1, cacheScope: "public" }), [0, "private"]);
  assertEquals(hints({ ttlMs: 5, cacheScope: "shared" }), [0, "private"]);
});

Deno.test("toModernResult: says of nothing else how long it can be kept", () => {
  for (const method of ["tools/call", "prompts/get", "completion/complete", "session/list"]) {
    assertEquals(toModernResult({}, { ...PLAIN, method }, undefined), {
      result: { resultType: "complete", _meta: {} },
    });
  }
});

Deno.test("toModernResult: lists tools without their execution", () => {
  const tools = [{ name: "a", execution: { taskSupport: "optional" } }, { name: "b" }, 7];
  const answer = toModernResult({ tools }, { ...PLAIN, method: "tools/list" }, undefined);
  assertEquals("result" in answer && answer.result.tools, [{ name: "a" }, { name: "b" }, 7]);
});

Deno.test("toModernResult: makes an error of the result for an unknown tool, and of no other", () => {
  const failed = (text: string) => ({ content: [{ type: "text", text }], isError: true });
  for (const why of ["not found", "disabled"]) {
    const result = failed(`MCP error -32602: Tool echo ${why}`);
    assertEquals(toModernResult(result, PLAIN, undefined), {
      error: { code: -32602, message: "Unknown tool: echo" },
    });
  }
  for (const text of ["MCP error -32602: Tool other not found", "Tool echo not found", ""]) {
    assertEquals("result" in toModernResult(failed(text), PLAIN, undefined), true);
  }
});

const REQUIRED = {
  code: -32002,
  message: `Send session/create, then its cookie in _meta["mcp/session"].`,
  data: { reason: "missing" },
};

Deno.test("toModernError: tells of a missing session whom knows sessions", () => {
  assertEquals(toModernError(REQUIRED, AWARE), {
    code: -31002,
    message: `Send session/create, then its cookie in _meta["${MODERN}"].`,
    data: { reason: "missing" },
  });
  assertEquals(toModernError(REQUIRED, { ...AWARE, keys: [LEGACY] }).message, REQUIRED.message);
});

Deno.test("toModernError: asks for the extension whom knows no sessions", () => {
  assertEquals(toModernError(REQUIRED, PLAIN), {
    code: -32021,
    message: `Send session/create, then its cookie in _meta["${MODERN}"].`,
    data: { requiredCapabilities: { extensions: { [MODERN]: EXTENSION } } },
  });
});

Deno.test("toModernError: tells everybody that the session ended after the tool had run", () => {
  const data = { reason: "ended" };
  assertEquals(toModernError({ ...REQUIRED, data }, PLAIN).code, -31002);
});

const READING: ModernRequest = { ...PLAIN, method: "resources/read", tool: undefined, uri: "a:b" };

Deno.test.each<readonly [code: number, message: string]>([
  [-32002, "Resource a:b not found"],
  [-32602, "MCP error -32602: Resource a:b not found"],
  [-32602, "MCP error -32602: Resource a:b disabled"],
])("toModernError: names the resource of %i %s", (code, message) => {
  assertEquals(toModernError({ code, message }, READING), {
    code: -32602,
    message,
    data: { uri: "a:b" },
  });
});

Deno.test("toModernError: leaves the data of a missing resource, and other errors, as they are", () => {
  const missing = { code: -32002, message: "gone", data: { uri: "a:b", since: 1 } };
  assertEquals(toModernError(missing, READING), { ...missing, code: -32602 });
  const invalid = { code: -32602, message: "Invalid cursor" };
  assertEquals(toModernError(invalid, READING), invalid);
});

Deno.test.each<readonly [code: number, modern: number]>([
  [-32000, -32603],
  [-32001, -32603],
  [-32042, -32603],
  [-32043, -32603],
  [-32099, -32603],
  [-32100, -32100],
  [-31999, -31999],
  [-32600, -32600],
  [-32601, -32601],
  [-32602, -32602],
  [-32603, -32603],
  [7, 7],
])("toModernError: %i becomes %i", (code, modern) => {
  const error = { code, message: "m", data: { why: 1 } };
  assertEquals(toModernError(error, PLAIN), { ...error, code: modern });
});

Deno.test("withKeys: names the key that the request used", () => {
  assertEquals(withKeys("mcp/session, mcp/session", [MODERN]), `${MODERN}, ${MODERN}`);
  assertEquals(withKeys("mcp/session", [LEGACY]), "mcp/session");
  assertEquals(withKeys("mcp/session", [LEGACY, MODERN]), "mcp/session");
  // Handlers can throw anything.
  assertEquals(withKeys(5, [MODERN]), "Unknown error");
});

Deno.test("toDiscovery: is made of what the server says to a legacy client", () => {
  const initialized = {
    protocolVersion: "2025-11-25",
    serverInfo: { name: "s", version: "1" },
    instructions: "do",
    capabilities: {
      tools: { listChanged: true },
      tasks: { list: {} },
      extensions: { [MODERN]: EXTENSION },
      experimental: { session: EXTENSION, other: {} },
    },
  };
  assertEquals(toDiscovery(initialized), {
    supportedVersions: ["2026-07-28"],
    instructions: "do",
    capabilities: {
      tools: { listChanged: true },
      extensions: { [MODERN]: EXTENSION },
      experimental: { other: {} },
    },
  });
});

Deno.test("toDiscovery: leaves out experimental capabilities if there are no others", () => {
  const capabilities = { experimental: { session: EXTENSION } };
  assertEquals(toDiscovery({ capabilities }).capabilities, {});
  assertEquals(toDiscovery({}), { supportedVersions: ["2026-07-28"], capabilities: {} });
});

Deno.test("checkMethod: refuses with -32601 those that the modern era has no more", () => {
  const removed = ["initialize", "logging/setLevel", "ping", "resources/subscribe"];
  for (const method of [...removed, "resources/unsubscribe"]) {
    assertEquals(assertThrows(() => checkMethod(method), WireError).code, -32601, method);
  }
  for (const method of ["server/discover", "tools/call", "any/other"]) checkMethod(method);
});
