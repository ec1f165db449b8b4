/**
 * Sessions for MCP clients. {@linkcode withSession} goes around the transport of an SDK client: it
 * creates a session or resumes one from a jar, sends its cookie, takes over renewed cookies, replaces a
 * lost session, and rebuilds dead connections.
 *
 * @example
 * ```ts
 * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
 * import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
 * import { sendOnce, withSession } from "@mcp-sessions/deno/client";
 *
 * const url = new URL("http://127.0.0.1:8765/mcp");
 * export const transport = withSession(
 *   () => new StreamableHTTPClientTransport(url, { fetch: sendOnce }),
 * );
 * export const client = new Client({ name: "example", version: "1.0.0" });
 * // await client.connect(transport);
 * ```
 *
 * @module
 */

export { type SessionCapability } from "./session/capability.ts";
export { type SessionEvent } from "./session/events.ts";
export { isOutcomeUnknown } from "./connection/send_errors.ts";
export { type CookieJar, type JarEntry, type JarKey, MemoryJar } from "./jar/cookie_jar.ts";
export {
  defaultJarPath,
  type DefaultJarPathOptions,
  FileJar,
  type FileJarOptions,
} from "./jar/file_jar.ts";
export { type ConnectTransport } from "./connection/reconnecting_transport.ts";
export type {
  AuthInfo,
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageBody,
  MessageExtraInfo,
  RequestId,
  SentMessage,
  Transport,
  TransportSendOptions,
} from "../jsonrpc/transport.ts";
export type { MessageMeta } from "../protocol/client_input.ts";
export { sendOnce } from "./connection/send_once.ts";
export { type SessionTransport, withSession, type WithSessionOptions } from "./with_session.ts";
export type { HeldCookie } from "../protocol/cookie.ts";
