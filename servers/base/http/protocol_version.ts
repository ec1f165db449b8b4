/**
 * Protocol versions over HTTP: which are served, and the check of `MCP-Protocol-Version`.
 *
 * @module
 */

import { isModern, unsupportedVersion } from "../../../protocol/era.ts";
import { errorMessage } from "../message_reader.ts";
import { type JSONRPCMessage, SUPPORTED_PROTOCOL_VERSIONS } from "../sdk.ts";
import { jsonResponse } from "./error_responses.ts";

const SERVED_VERSIONS: readonly string[] = SUPPORTED_PROTOCOL_VERSIONS;

/** Refuses a request of a version that is not served, under the id of its `message`. */
export function checkProtocolVersion(
  headers: Headers,
  message?: JSONRPCMessage,
): Response | undefined {
  const requested = headers.get("mcp-protocol-version");
  if (requested === null || SERVED_VERSIONS.includes(requested)) return undefined;
  if (message !== undefined && "method" in message && isModern(message.method, message.params)) {
    return undefined;
  }
  // The id of a response belongs to a request of the server's own.
  const id = message !== undefined && "method" in message && "id" in message ? message.id : null;
  return jsonResponse(400, errorMessage(id, unsupportedVersion(requested, SERVED_VERSIONS)));
}
