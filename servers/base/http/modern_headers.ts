/**
 * Headers of modern requests (MCP 2026-07-28): a proxy routes and meters by them, so they must say the
 * same as the body.
 *
 * @module
 */

import { META } from "../../../protocol/era.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { headerText, NAME_MEMBERS } from "../../../protocol/request_headers.ts";
import { member } from "../../../runtime/json.ts";
import type { JSONRPCRequest } from "../sdk.ts";

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
  const key = NAME_MEMBERS.get(method);
  const name = key === undefined ? undefined : params?.[key];
  if (typeof name !== "string") return undefined;
  return headerText(headers.get("mcp-name")) === name
    ? undefined
    : mismatch("Mcp-Name", `params.${key}`, BASE64_ADVICE);
}

const BASE64_ADVICE = ", as =?base64?…?= with the Base64 of its UTF-8 unless it is visible ASCII";

/** The value is the caller's own, of any length, and may be a secret in the wrong place. */
function mismatch(header: string, field: string, advice = ""): WireError {
  return new WireError(
    CODE.headerMismatch,
    `Header mismatch: ${header} must be the ${field} of the body; send that${advice}`,
  );
}
