/**
 * The params of `session/*` (section 3 of the contract): parsed and checked.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";
import { utf8Length } from "../runtime/utf8.ts";
import { CODE, invalid, WireError } from "./errors.ts";

const MAX_HINT_PAIRS = 32;
const MAX_HINT_BYTES = 8 * 1024;

/**
 * The title of a new session, and further pairs, without title, reason and createdAt.
 *
 * @throws {WireError} -32602 that names the field, for a wrong type or an exceeded limit.
 */
export function parseCreateParams(
  params: unknown,
): { readonly title: string; readonly extra: Readonly<Record<string, string>> } {
  const hints = objectField(params, "hints", "params.hints");
  const label = stringField(hints, "label", "params.hints.label");
  const data = objectField(hints, "data", "params.hints.data");
  const pairs: [string, string][] = [];
  let bytes = utf8Length(wellFormed(label ?? "", "params.hints.label"));
  for (const [key, value] of Object.entries(data ?? {})) {
    if (value === null) continue;
    if (typeof value !== "string") {
      throw invalid(`params.hints.data[${JSON.stringify(key.slice(0, 64))}]`, "a string", value);
    }
    wellFormed(key + value, "params.hints.data");
    bytes += utf8Length(key) + utf8Length(value);
    pairs.push([key, value]);
  }
  if (pairs.length > MAX_HINT_PAIRS) {
    throw new WireError(
      CODE.invalidParams,
      `params.hints.data can have at most ${MAX_HINT_PAIRS} pairs: it has ${pairs.length}`,
    );
  }
  if (bytes > MAX_HINT_BYTES) {
    throw new WireError(
      CODE.invalidParams,
      `params.hints can have at most ${MAX_HINT_BYTES} bytes of text: it has ${bytes}`,
    );
  }
  const title = pairs.find(([key]) => key === "title")?.[1].trim() ||
    label?.trim() || "experimental-session";
  const reserved = new Set(["title", "reason", "createdAt"]);
  return { title, extra: Object.fromEntries(pairs.filter(([key]) => !reserved.has(key))) };
}

/** @throws {WireError} -32602 if the cursor of `session/list` is not a string. */
export function parseListCursor(params: unknown): string | undefined {
  return stringField(params, "cursor", "params.cursor");
}

/**
 * The id for `session/delete`; `undefined` means the session of the cookie.
 *
 * @throws {WireError} -32602 if it is not a string.
 */
export function parseDeleteId(params: unknown): string | undefined {
  return stringField(params, "id", "params.id") || undefined;
}

function wellFormed(text: string, field: string): string {
  if (text.isWellFormed()) return text;
  throw new WireError(CODE.invalidParams, `${field} must be well-formed Unicode`);
}

function objectField(parent: unknown, name: string, field: string) {
  const value = member(parent, name);
  if (value !== undefined && !isObject(value)) throw invalid(field, "an object", value);
  return value;
}

function stringField(parent: unknown, name: string, field: string) {
  const value = member(parent, name);
  if (value !== undefined && typeof value !== "string") throw invalid(field, "a string", value);
  return value;
}
