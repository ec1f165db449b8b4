/**
 * Sessions for MCP that outlive the connection, the transport and the server's process:
 * experimental MCP session v2 for Deno.
 *
 * For a server, {@linkcode sessionLayer} goes around its transport, and its tools call
 * {@linkcode currentSession}. For a client, {@linkcode withSession} goes around the making of its
 * transport. {@linkcode openStore} says where a server keeps its sessions.
 *
 * Each half is also there by itself, and then loads nothing of the other: `./server`, `./client`,
 * `./store`.
 *
 * @example A server with a memory for each session
 * ```ts
 * import { currentSession, McpServer, openStore, sessionLayer } from "@mcp-sessions/deno";
 * import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
 *
 * const server = new McpServer({ name: "counter", version: "1.0.0" });
 * server.registerTool("count", { description: "Counts the calls of this session" }, async () => ({
 *   content: [{ type: "text", text: `Call ${await currentSession().count()}` }],
 * }));
 *
 * await using store = await openStore("memory:", { namespace: "counter" });
 * const [transport] = InMemoryTransport.createLinkedPair();
 * await server.connect(sessionLayer(transport, { store }));
 * await server.close();
 * ```
 *
 * @module
 */

export type { Cookie, HeldCookie } from "./protocol/cookie.ts";
export type { Json } from "./runtime/json.ts";
export {
  ask,
  clientCapabilities,
  CONVERSATION_KEYS,
  currentSession,
  HealthChecks,
  httpHandler,
  McpServer,
  optionalSession,
  SessionError,
  sessionLayer,
  StatelessHttpTransport,
  toolResult,
} from "./servers/base/mod.ts";
export type {
  Annotations,
  AuthenticationOptions,
  Authenticator,
  AuthInfo,
  ConnectionInfo,
  CreateMessageParams,
  CreateMessageResult,
  ElicitFormParams,
  ElicitResult,
  ElicitUrlParams,
  FormField,
  HandlesMode,
  HealthChecksOptions,
  HttpEndpoint,
  HttpHandlerOptions,
  InputRequest,
  InputResultOf,
  InputResults,
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  ListRootsResult,
  McpServerClass,
  MediaContent,
  MessageBody,
  MessageExtraInfo,
  MessageMeta,
  RequestId,
  RequestLimits,
  SamplingContent,
  SentMessage,
  ServedEras,
  ServerInfo,
  ServerOptions,
  Session,
  SessionBindingOptions,
  SessionErrorCode,
  SessionLabel,
  SessionLayerOptions,
  SessionPolicy,
  SessionVia,
  StatelessHttpOptions,
  ToolContent,
  ToolResult,
  Transport,
  TransportSendOptions,
} from "./servers/base/mod.ts";
export {
  defaultJarPath,
  FileJar,
  isOutcomeUnknown,
  MemoryJar,
  sendOnce,
  withSession,
} from "./client/mod.ts";
export type {
  ConnectTransport,
  CookieJar,
  FileJarOptions,
  JarEntry,
  JarKey,
  SessionCapability,
  SessionEvent,
  SessionTransport,
  WithSessionOptions,
} from "./client/mod.ts";
export {
  defaultStoreUrl,
  FileStore,
  KvStore,
  MemoryStore,
  openStore,
  StoreError,
} from "./store/mod.ts";
export type {
  CommittedTransaction,
  DenoKv,
  OpenStoreOptions,
  SessionAlias,
  SessionListOptions,
  SessionRecord,
  SessionStore,
  StateEntriesOptions,
  StateTransaction,
  StateUpdate,
  StoreErrorCode,
  StoreLimits,
} from "./store/mod.ts";
