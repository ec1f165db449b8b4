/**
 * Sessions for MCP clients: put {@linkcode withSession} around the transport that an SDK client is
 * connected to. It makes a session, sends its cookie, takes over the renewed one, resumes the
 * session from a jar, makes a new one when the server has lost it, and rebuilds dead connections.
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
  type DefaultJarOptions,
  defaultJarPath,
  FileJar,
  type FileJarOptions,
} from "./jar/file_jar.ts";
export { type ConnectTransport } from "./connection/reconnecting_transport.ts";
export { type Transport } from "./sdk.ts";
export { sendOnce } from "./connection/send_once.ts";
export { type SessionOptions, type SessionTransport, withSession } from "./with_session.ts";
export type { HeldCookie } from "../protocol/cookie.ts";
