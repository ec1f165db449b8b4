/**
 * Headers of modern requests over HTTP (section 10 of the contract), which repeat parts of the body: the
 * text of a header's value, and the part that `Mcp-Name` repeats.
 *
 * @module
 */

import { fromBase64, toBase64 } from "../runtime/bytes.ts";

/** The member of `params` that `Mcp-Name` repeats, by method. */
export const NAME_MEMBERS: ReadonlyMap<string, "name" | "uri"> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
]);

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A text as the value of a header: in Base64 if it is no plain ASCII, or would be read as Base64. */
export function headerValue(text: string): string {
  const isPlain = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(text) &&
    !(text.startsWith("=?base64?") && text.endsWith("?="));
  return isPlain ? text : `=?base64?${toBase64(new TextEncoder().encode(text), "base64")}?=`;
}

/**
 * The text of a header's value, from Base64 if it is wrapped so; `undefined` if there is none, or it has
 * characters that each reader takes for others.
 */
export function headerText(value: string | null): string | undefined {
  if (value === null || !/^[\t\x20-\x7e]*$/.test(value)) return undefined;
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  if (encoded === undefined) return value;
  const bytes = fromBase64(encoded, "base64");
  if (bytes === undefined) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
