import { assertEquals } from "@std/assert";
import { paramHeaders, paramText } from "../../protocol/param_headers.ts";

/** A schema with these properties. */
function schema(properties: object, others: object = {}) {
  return { type: "object", properties, ...others };
}

const REGION = { type: "string", "x-mcp-header": "Region" };

Deno.test("paramHeaders(): finds declarations at any depth of properties", () => {
  const place = schema({ region: REGION, count: { type: "integer", "x-mcp-header": "Count" } });
  assertEquals(paramHeaders(schema({ place, dry: { type: "boolean", "x-mcp-header": "Dry" } })), [
    { path: ["place", "region"], header: "mcp-param-region", type: "string" },
    { path: ["place", "count"], header: "mcp-param-count", type: "integer" },
    { path: ["dry"], header: "mcp-param-dry", type: "boolean" },
  ]);
  for (const without of [undefined, true, {}, schema({ a: { type: "string" } })]) {
    assertEquals(paramHeaders(without), []);
  }
});

Deno.test("paramHeaders(): one invalid declaration voids those of its tool", () => {
  const invalid: Record<string, object> = {
    "of the whole": schema({}, { "x-mcp-header": "Region" }),
    "without a name": schema({ other: { ...REGION, "x-mcp-header": "" } }),
    "of no text": schema({ other: { ...REGION, "x-mcp-header": 7 } }),
    "with a blank": schema({ other: { ...REGION, "x-mcp-header": "My Region" } }),
    "with a colon": schema({ other: { ...REGION, "x-mcp-header": "a:b" } }),
    "with a line end": schema({ other: { ...REGION, "x-mcp-header": "a\nb" } }),
    "of a number": schema({ other: { type: "number", "x-mcp-header": "Other" } }),
    "of an object": schema({ other: { type: "object", "x-mcp-header": "Other" } }),
    "without a type": schema({ other: { "x-mcp-header": "Other" } }),
    "of the same name": schema({ other: { type: "string", "x-mcp-header": "REGION" } }),
    "in an array": schema({ other: { type: "array", items: REGION } }),
    "in a choice": schema({ other: { oneOf: [{ type: "null" }, REGION] } }),
    "in a definition": schema({}, { $defs: { region: REGION } }),
    "below an array": schema({ other: { items: schema({ region: REGION }) } }),
    "in a branch": schema({}, { then: schema({ other: REGION }) }),
    "of other properties": schema({}, { additionalProperties: REGION }),
  };
  for (const [name, { ...given }] of Object.entries(invalid)) {
    const properties = "properties" in given ? Object(given.properties) : {};
    assertEquals(
      paramHeaders({ ...given, properties: { region: REGION, ...properties } }),
      [],
      name,
    );
  }
});

Deno.test("paramHeaders(): the key means nothing as a property's name, or in data", () => {
  const named = { "x-mcp-header": { type: "string" }, const: REGION };
  const data = { type: "object", default: REGION, enum: [REGION], examples: [REGION] };
  assertEquals(paramHeaders(schema({ ...named, data })).map(({ path }) => path), [["const"]]);
});

Deno.test("paramText(): is of texts, truth values and numbers without loss", () => {
  const values = ["", "a b", "日本", true, false, 0, -1, 1.5];
  assertEquals(values.map(paramText), ["", "a b", "日本", "true", "false", "0", "-1", "1.5"]);
  const others = [undefined, null, {}, ["a"], 1e300, 2 ** 53];
  assertEquals(others.map(paramText), others.map(() => undefined));
});
