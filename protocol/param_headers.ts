/**
 * Param headers (section 10 of the contract): arguments of a tool that its schema wants to be seen in
 * `Mcp-Param-*` headers too (`x-mcp-header`), so that what stands before an HTTP server can route by them.
 *
 * @module
 */

import { isObject } from "../runtime/json.ts";

/** An argument that a header has to repeat. */
export interface ParamHeader {
  /** The names of the properties that lead to the argument. */
  readonly path: readonly string[];
  /** The name of the header, in lower case. */
  readonly header: string;
  readonly type: "string" | "integer" | "boolean";
}

const KEY = "x-mcp-header";
/** A name that can be part of a header's (RFC 9110, section 5.1). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Keywords of a schema whose value is data, in which the key means nothing. */
const DATA: ReadonlySet<string> = new Set(["const", "default", "enum", "examples"]);
/** Keywords of a schema whose value has a schema under each name. */
const NAMED: ReadonlySet<string> = new Set([
  "$defs",
  "definitions",
  "dependentSchemas",
  "patternProperties",
]);

/**
 * The headers that the schema of a tool's arguments declares; none if one declaration is invalid, as
 * clients refuse such a tool.
 */
export function paramHeaders(inputSchema: unknown): readonly ParamHeader[] {
  const found: ParamHeader[] = [];
  if (!collect(inputSchema, [], found)) return [];
  const isUnique = new Set(found.map(({ header }) => header)).size === found.length;
  return isUnique ? found : [];
}

/** The text by which a header repeats a value; `undefined` for one that it cannot repeat. */
export function paramText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return `${value}`;
  if (typeof value !== "number") return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : `${value}`;
}

/** Collects the declarations below a schema that properties lead to; `false` at an invalid one. */
function collect(schema: unknown, path: readonly string[], found: ParamHeader[]): boolean {
  if (!isObject(schema)) return !declaresAnywhere(schema);
  if (Object.hasOwn(schema, KEY)) {
    const { [KEY]: name, type } = schema;
    const isNamed = typeof name === "string" && TOKEN.test(name);
    const isPrimitive = type === "string" || type === "integer" || type === "boolean";
    if (path.length === 0 || !isNamed || !isPrimitive) return false;
    found.push({ path, header: `mcp-param-${name.toLowerCase()}`, type });
  }
  return Object.entries(schema).every(([keyword, value]) => {
    if (keyword !== "properties") return DATA.has(keyword) || !declaresBelow(keyword, value);
    if (!isObject(value)) return true;
    return Object.entries(value).every(([name, child]) => collect(child, [...path, name], found));
  });
}

/** Whether a declaration stands where no chain of properties leads to. */
function declaresAnywhere(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(declaresAnywhere);
  if (!isObject(schema)) return false;
  return Object.hasOwn(schema, KEY) ||
    Object.entries(schema).some(([keyword, value]) =>
      !DATA.has(keyword) && declaresBelow(keyword, value)
    );
}

function declaresBelow(keyword: string, value: unknown): boolean {
  // A property may have any name.
  const isNamed = keyword === "properties" || NAMED.has(keyword);
  return isNamed && isObject(value)
    ? Object.values(value).some(declaresAnywhere)
    : declaresAnywhere(value);
}
