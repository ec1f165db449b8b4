import { assertEquals, assertThrows } from "@std/assert";
import { isModern, readEnvelope, unsupportedVersion } from "../../protocol/era.ts";
import { WireError } from "../../protocol/errors.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const CLIENT = "io.modelcontextprotocol/clientInfo";
const LEVEL = "io.modelcontextprotocol/logLevel";

const LEAST = { [VERSION]: "2026-07-28", [CAPABILITIES]: {} };

Deno.test.each<readonly [method: string, params: unknown, modern: boolean]>([
  ["server/discover", undefined, true],
  ["server/discover", { _meta: { [VERSION]: "2025-11-25" } }, true],
  ["tools/call", { _meta: { [VERSION]: "2026-07-28" } }, true],
  ["tools/call", { _meta: { [VERSION]: "2027-01-01" } }, true],
  ["tools/call", { _meta: { [VERSION]: "v999.0.0" } }, true],
  ["tools/call", { _meta: { [VERSION]: "" } }, true],
  ["tools/call", { _meta: { [VERSION]: 7 } }, true],
  ["tools/call", { _meta: { [VERSION]: null } }, true],
  ["initialize", { _meta: { [VERSION]: "2026-07-28" } }, true],
  ["tools/call", { _meta: { [VERSION]: "2025-11-25" } }, false],
  ["tools/call", { _meta: { [CAPABILITIES]: {} } }, false],
  ["tools/call", { _meta: [VERSION] }, false],
  ["tools/call", { [VERSION]: "2026-07-28" }, false],
  ["tools/call", { _meta: Object.create({ [VERSION]: "2026-07-28" }) }, false],
  ["initialize", { protocolVersion: "2026-07-28" }, false],
  ["tools/list", null, false],
  ["tools/list", undefined, false],
])("isModern: %s with %j is %s", (method, params, modern) => {
  assertEquals(isModern(method, params), modern);
});

Deno.test("readEnvelope: reads what the client says of itself", () => {
  const clientInfo = { name: "c", version: "1", title: "C" };
  const envelope = {
    ...LEAST,
    [CAPABILITIES]: { sampling: {} },
    [CLIENT]: clientInfo,
    [LEVEL]: "notice",
  };
  assertEquals(readEnvelope({ _meta: envelope }), {
    clientCapabilities: { sampling: {} },
    clientInfo,
    logLevel: "notice",
  });
});

Deno.test("readEnvelope: needs no name of the client, and no level", () => {
  assertEquals(readEnvelope({ _meta: LEAST }), {
    clientCapabilities: {},
    clientInfo: undefined,
    logLevel: undefined,
  });
});

Deno.test.each<readonly [key: string, value: unknown, type: string]>([
  [VERSION, undefined, "a string: it is undefined"],
  [VERSION, null, "a string: it is undefined"],
  [VERSION, 7, "a string: it is number"],
  [CAPABILITIES, undefined, "an object: it is undefined"],
  [CAPABILITIES, [], "an object: it is an array"],
  [CAPABILITIES, "all", "an object: it is string"],
  [CLIENT, "c", "an object with a name and a version: it is string"],
  [CLIENT, { name: "c" }, "an object with a name and a version: it is object"],
  [CLIENT, { name: "c", version: 1 }, "an object with a name and a version: it is object"],
  [
    LEVEL,
    "loud",
    "one of debug, info, notice, warning, error, critical, alert, emergency: it is string",
  ],
  [
    LEVEL,
    3,
    "one of debug, info, notice, warning, error, critical, alert, emergency: it is number",
  ],
])("readEnvelope: refuses %s %j", (key, value, text) => {
  const error = assertThrows(() => readEnvelope({ _meta: { ...LEAST, [key]: value } }), WireError);
  assertEquals([error.code, error.message], [-32602, `params._meta["${key}"] must be ${text}`]);
});

Deno.test("readEnvelope: refuses a request without _meta", () => {
  for (const params of [undefined, null, {}, { _meta: null }, { _meta: [] }]) {
    assertEquals(assertThrows(() => readEnvelope(params), WireError).code, -32602);
  }
});

Deno.test("readEnvelope: refuses versions that are not spoken, after all else", () => {
  for (const version of ["2027-01-01", "2025-11-25", "v999.0.0", ""]) {
    const meta = { ...LEAST, [VERSION]: version };
    const error = assertThrows(() => readEnvelope({ _meta: meta }), WireError);
    const data = { supported: ["2026-07-28"], requested: version };
    assertEquals([error.code, error.data], [-32022, data]);
    const other = { [VERSION]: version };
    assertEquals(assertThrows(() => readEnvelope({ _meta: other }), WireError).code, -32602);
  }
});

Deno.test("unsupportedVersion: names the versions that are served, and the one that is not", () => {
  const error = unsupportedVersion("v999.0.0", ["2026-07-28"]);
  assertEquals([error.code, error.data], [-32022, {
    supported: ["2026-07-28"],
    requested: "v999.0.0",
  }]);
});
