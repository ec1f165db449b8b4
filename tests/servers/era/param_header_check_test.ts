import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { WireError } from "../../../protocol/errors.ts";
import { paramHeaders } from "../../../protocol/param_headers.ts";
import {
  checkParamHeaders,
  ParamHeaderCheck,
} from "../../../servers/base/era/param_header_check.ts";
import { envelope, postModern } from "../../support/servers/modern_wire.ts";
import { until } from "../../support/until.ts";
import type { RequestId } from "../../../servers/base/sdk.ts";
import { callRequest, post, startServer } from "../../support/servers/server.ts";

const CHANGING = new URL("../../fixtures/changing.ts", import.meta.url);

/** A schema with these properties. */
function schema(properties: object) {
  return { type: "object", properties };
}

const REGION = { type: "string", "x-mcp-header": "Region" };

const ALL = paramHeaders(schema({
  region: REGION,
  count: { type: "integer", "x-mcp-header": "Count" },
  dry: { type: "boolean", "x-mcp-header": "Dry" },
  deep: schema({ region: { type: "string", "x-mcp-header": "Deep" } }),
}));

Deno.test("checkParamHeaders(): takes headers that repeat the arguments", () => {
  const cases: [args: unknown, headers: Record<string, string>][] = [
    [undefined, {}],
    [{}, {}],
    [{ region: null }, {}],
    // Without a value there is nothing to repeat.
    [{}, { "mcp-param-region": "eu" }],
    [{ region: "eu", other: "x" }, { "mcp-param-region": "eu" }],
    [{ region: "" }, { "mcp-param-region": "" }],
    [{ region: "Grüße" }, { "mcp-param-region": "=?base64?R3LDvMOfZQ==?=" }],
    [{ region: "SGVsbG8=" }, { "mcp-param-region": "SGVsbG8=" }],
    [{ region: "=?base64?SGVsbG8=" }, { "mcp-param-region": "=?base64?SGVsbG8=" }],
    [{ count: 42 }, { "mcp-param-count": "42" }],
    [{ count: 42 }, { "mcp-param-count": "42.0" }],
    [{ count: -1 }, { "mcp-param-count": "-1" }],
    [{ count: 1e300 }, {}],
    [{ dry: false }, { "mcp-param-dry": "false" }],
    [{ deep: { region: "eu" } }, { "mcp-param-deep": "eu" }],
    // What the tool's own check of its arguments will refuse.
    [{ region: ["eu"], deep: "eu" }, {}],
  ];
  for (const [args, headers] of cases) checkParamHeaders(ALL, args, headers);
});

Deno.test("checkParamHeaders(): refuses what differs with -32020, and repeats no value", () => {
  const cases: [args: unknown, headers: Record<string, string | string[]>, why: RegExp][] = [
    [{ region: "secret" }, {}, /mcp-param-region is missing/],
    [{ region: "" }, {}, /mcp-param-region is missing/],
    [{ region: "secret" }, { "mcp-param-region": "us" }, /has another value/],
    [{ region: "secret" }, { "mcp-param-region": ["secret", "us"] }, /has another value/],
    [{ region: "secret" }, { "mcp-param-region": "Secret" }, /has another value/],
    [{ region: "Hello" }, { "mcp-param-region": "=?base64?SGVsbG8?=" }, /no valid base64/],
    [{ region: "Hello" }, { "mcp-param-region": "=?base64?SGVs!!!bG8=?=" }, /no valid base64/],
    [{ region: "x" }, { "mcp-param-region": "=?base64?/w==?=" }, /no valid base64 of UTF-8/],
    // Bytes of UTF-8, which HTTP reads as Latin-1: another reader sees another text.
    [{ region: "Ã¼" }, { "mcp-param-region": "Ã¼" }, /no visible ASCII and no valid base64/],
    [{}, { "mcp-param-region": "Ã¼" }, /no visible ASCII and no valid base64/],
    [{}, { "mcp-param-region": "=?base64?SGVsbG8?=" }, /no valid base64/],
    [{ count: 42 }, { "mcp-param-count": "0x2a" }, /mcp-param-count has another value/],
    [{ count: 42 }, { "mcp-param-count": "" }, /mcp-param-count has another value/],
    [{ dry: true }, { "mcp-param-dry": "True" }, /mcp-param-dry has another value/],
    [{ deep: { region: "secret" } }, {}, /mcp-param-deep is missing.*deep\.region/],
  ];
  for (const [args, headers, why] of cases) {
    const error = assertThrows(() => checkParamHeaders(ALL, args, headers), WireError);
    assertEquals(error.code, -32020);
    assertMatch(error.message, why);
    assertEquals(error.message.includes("secret"), false);
  }
});

for (const flags of [[], ["--stateful"], ["--handles", "always"], ["--handles", "never"]]) {
  Deno.test(`tools/call over http ${flags.join(" ")}: a header that contradicts an argument is -32020 with 400`, async () => {
    await using server = await startServer({ server: CHANGING, transport: "http", flags });
    const call = async (headers: Record<string, string>, args: object = { region: "eu" }) => {
      const params = { name: "regional", arguments: args };
      const response = await postModern(server.url, "tools/call", params, headers);
      const { result, error } = await response.json();
      return [response.status, error?.code ?? result.content[0].text];
    };
    // The first call has to learn the tool's schema.
    assertEquals(await call({}), [400, -32020]);
    assertEquals(await call({ "Mcp-Param-Region": "us" }), [400, -32020]);
    assertEquals(await call({ "Mcp-Param-Region": "=?base64?ZXU?=" }), [400, -32020]);
    assertEquals(await call({ "Mcp-Param-Region": " eu " }), [200, "eu"]);
    assertEquals(await call({ "Mcp-Param-Region": "=?base64?ZXU=?=" }), [200, "eu"]);
    assertEquals(await call({ "Mcp-Param-Region": "us" }, {}), [200, "none"]);
    assertEquals(await call({}, {}), [200, "none"]);
    await server.stop();
  });
}

Deno.test("tools/call over http: a tool that is new or changed has its headers checked too", async () => {
  await using server = await startServer({ server: CHANGING, transport: "http" });
  const call = async (name: string, args: object = {}) => {
    const response = await postModern(server.url, "tools/call", { name, arguments: args });
    const { error } = await response.json();
    return error?.code;
  };
  assertEquals(await call("declare", { name: "late" }), undefined);
  assertEquals(await call("late", { zone: "a" }), -32020);
  assertEquals(await call("declare", { name: "regional" }), undefined);
  assertEquals(await call("regional", { zone: "a" }), -32020);
  await server.stop();
});

Deno.test("tools/call of a legacy client or on stdio: no header repeats an argument", async () => {
  const args = { region: "eu" };
  await using http = await startServer({ server: CHANGING, transport: "http" });
  const legacy = await post(http.url, callRequest("regional", args));
  assertEquals((await legacy.json()).result.content[0].text, "eu");
  await using stdio = await startServer({ server: CHANGING, transport: "stdio" });
  const params = { name: "regional", arguments: args, _meta: envelope() };
  assertEquals((await stdio.result("tools/call", params)).content[0]?.text, "eu");
});

Deno.test("ParamHeaderCheck: calls of known tools do not wait while a name that is none is looked for", async () => {
  const asked: RequestId[] = [];
  const check = new ParamHeaderCheck(({ id }) => asked.push(id));
  const answer = () => {
    const id = asked.shift() ?? "";
    check.takeResponse({ jsonrpc: "2.0", id, result: { tools: [{ name: "known" }] } });
  };
  const first = check.learn("known", undefined);
  answer();
  await first;
  const second = check.learn("none", undefined);
  await until(() => asked.length, (length) => length > 0);
  assertEquals([check.knows("known"), check.knows("none")], [true, false]);
  answer();
  await second;
  check.forget();
  assertEquals(check.knows("known"), false);
});
