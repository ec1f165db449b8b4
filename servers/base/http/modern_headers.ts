/**
 * Headers of modern requests (MCP 2026-07-28): a proxy routes and meters by them, so they must say the
 * same as the body.
 *
 * @module
 */

import { META } from "../../../protocol/era.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { member } from "../../../runtime/json.ts";
import type { JSONRPCRequest } from "../sdk.ts";

/** The member of `params` that `Mcp-Name` repeats, by method. */
const NAMES: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
};

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The error for the first header of a modern request that differs from its body. */
export function headerMismatch(
  headers: Headers,
  { method, params }: JSONRPCRequest,
): WireError | undefined {
  const version = member(member(params, "_meta"), META.version);
  // A request without an envelope is refused for that.
  if (typeof version !== "string") return undefined;
  if (headers.get("mcp-protocol-version") !== version) {
    return mismatch("MCP-Protocol-Version", `params._meta["${META.version}"]`);
  }
  if (headers.get("mcp-method") !== method) return mismatch("Mcp-Method", "method");
  const key = Object.hasOwn(NAMES, method) ? NAMES[method] : undefined;
  const name = key === undefined ? undefined : params?.[key];
  if (typeof name !== "string") return undefined;
  return headerText(headers.get("mcp-name")) === name
    ? undefined
    : mismatch("Mcp-Name", `params.${key}`, BASE64_ADVICE);
}

/** The text of a header's value, from Base64 if it is wrapped so; `undefined` if there is none. */
export function headerText(value: string | null): string | undefined {
  if (value === null) return undefined;
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  if (encoded === undefined) return value;
  // The decoder would skip blanks.
  if (/\s/.test(encoded)) return undefined;
  try {
    return decoder.decode(Uint8Array.fromBase64(encoded, { lastChunkHandling: "strict" }));
  } catch {
    return undefined;
  }
}

const BASE64_ADVICE = ", as =?base64?…?= with the Base64 of its UTF-8 unless it is visible ASCII";

/** The value is the caller's own, of any length, and may be a secret in the wrong place. */
function mismatch(header: string, field: string, advice = ""): WireError {
  return new WireError(
    CODE.headerMismatch,
    `Header mismatch: ${header} must be the ${field} of the body; send that${advice}`,
  );
}
