/**
 * Param headers: arguments of a tool that its schema wants to be seen in `Mcp-Param-*` headers too
 * (`x-mcp-header`), so that what stands before an HTTP server can route by them.
 *
 * @module
 */

import { CODE, WireError } from "../../../protocol/errors.ts";
import { headerText } from "../../../protocol/request_headers.ts";
import { isObject, member } from "../../../runtime/json.ts";

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
const DECIMAL = /^-?\d+(\.\d+)?$/;

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

/**
 * Compares the arguments of a call with the headers of its request.
 *
 * @throws {WireError} -32020 if an argument is not repeated, or another value is.
 */
export function checkParamHeaders(
  declared: readonly ParamHeader[],
  args: unknown,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): void {
  for (const { path, header, type } of declared) {
    const argument = path.reduce(member, args);
    const expected = textOf(argument);
    // Without a value there is nothing to repeat: the header says nothing then.
    if (expected === undefined) continue;
    const value = headers[header];
    if (value === undefined) throw mismatch(header, path, "is missing");
    const text = headerText(`${value}`);
    if (text === undefined) throw mismatch(header, path, "is no valid base64 of UTF-8");
    const isSame = typeof argument === "number" && type === "integer" && DECIMAL.test(text)
      ? Number(text) === argument
      : text === expected;
    if (!isSame) throw mismatch(header, path, "has another value");
  }
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

/** The text by which a header repeats a value; `undefined` for one that it cannot repeat. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return `${value}`;
  if (typeof value !== "number") return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : `${value}`;
}

function mismatch(header: string, path: readonly string[], what: string): WireError {
  return new WireError(
    CODE.headerMismatch,
    `Header mismatch: ${header} ${what}, and the argument ${
      path.join(".")
    } has to be repeated in it`,
  );
}
