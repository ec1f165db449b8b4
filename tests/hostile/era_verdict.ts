/** The check of an answer by the era of its request, by a reading of the specification other than the server's. */

import { MODERN_VERSION } from "../support/servers/modern_wire.ts";
import { around, Fault, type Message } from "./verdict.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const OLD_KEY = "mcp/session";
/** The codes of the specification's own range that are for servers of the modern era. */
const RESERVED = [-32020, -32021, -32022];

/** Whether a message is a request of the modern era, by its body. */
export function isModernRequest(message: unknown): boolean {
  const { jsonrpc, id, method, params } = Object(message);
  if (Array.isArray(message) || jsonrpc !== "2.0" || typeof method !== "string") return false;
  if (typeof id !== "string" && !Number.isSafeInteger(id)) return false;
  if (method === "server/discover") return true;
  const meta = Object(Object(params)._meta);
  if (!Object.hasOwn(meta, VERSION)) return false;
  const version = meta[VERSION];
  return !(typeof version === "string" && /^\d{4}-\d\d-\d\d$/.test(version) &&
    version < MODERN_VERSION);
}

/** @throws {Fault} if an answer to a modern request has what is the other era's, or misses its own. */
export function checkEra(sent: unknown, answer: Message): void {
  if (!isModernRequest(sent) || (answer.id ?? null) === null) return;
  const text = JSON.stringify(answer);
  const { code } = Object(answer.error);
  if (code <= -32000 && code >= -32099 && !RESERVED.includes(code)) {
    throw new Fault(`A modern answer has the reserved code ${code}: ${around(text)}`);
  }
  if (text.includes(OLD_KEY) && !JSON.stringify(sent).includes(OLD_KEY)) {
    throw new Fault(`A modern answer has the old key of the cookie: ${around(text)}`);
  }
  if (answer.result !== undefined && typeof Object(answer.result).resultType !== "string") {
    throw new Fault(`A modern result has no resultType: ${around(text)}`);
  }
}
