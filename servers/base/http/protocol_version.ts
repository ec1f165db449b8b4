/**
 * Protocol versions over HTTP: which are served, and the check of `MCP-Protocol-Version`.
 *
 * @module
 */

import {
  isModern,
  LEGACY_VERSIONS,
  MODERN_VERSIONS,
  unsupportedVersion,
} from "../../../protocol/era.ts";
import type { ServedEras } from "../era/era_transport.ts";
import type { JSONRPCMessage } from "../sdk.ts";
import { messageRefused } from "./error_responses.ts";
import { headerMismatch } from "./modern_headers.ts";

/**
 * Refuses a message whose headers name a version that is not served, or another one than its body. A
 * request that the era layer refuses, whatever its headers, is left to it.
 */
export function checkProtocolVersion(
  headers: Headers,
  eras: ServedEras,
  message?: JSONRPCMessage,
): Response | undefined {
  const request = message !== undefined && "method" in message && "id" in message
    ? message
    : undefined;
  if (message !== undefined && isModernMessage(headers, message)) {
    const error = request !== undefined && eras !== "legacy" && headerMismatch(headers, request);
    if (error) return messageRefused(request.id, error);
    if (request !== undefined || eras !== "legacy") return undefined;
  }
  const requested = headers.get("mcp-protocol-version");
  if (requested === null || LEGACY_VERSIONS.includes(requested)) return undefined;
  if (request !== undefined && eras === "modern") return undefined;
  // The id of a response belongs to a request of the server's own.
  const id = request?.id ?? null;
  return messageRefused(id, unsupportedVersion(requested, LEGACY_VERSIONS));
}

/** Whether a message is of the modern era: a request by its body, a notification by its header. */
export function isModernMessage(headers: Headers, message: JSONRPCMessage): boolean {
  if (!("method" in message)) return false;
  return "id" in message
    ? isModern(message.method, message.params)
    : MODERN_VERSIONS.includes(headers.get("mcp-protocol-version") ?? "");
}
