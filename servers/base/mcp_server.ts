/**
 * The server of SDK 1. This is the one module of `./server` that loads an SDK.
 *
 * @module
 */

// @ts-types="@modelcontextprotocol/sdk/server/mcp"
import { McpServer as SdkMcpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
// @ts-types="@modelcontextprotocol/sdk/server/index"
import type { ServerOptions as SdkServerOptions } from "@modelcontextprotocol/sdk/server/index.js";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";

// @ts-types="@modelcontextprotocol/sdk/types"
import type * as types from "@modelcontextprotocol/sdk/types.js";

class LateValidatingServer extends SdkMcpServer {
  /** Makes a server without tools. */
  constructor(info: ServerInfo, options?: ServerOptions) {
    super(info, { jsonSchemaValidator: lateValidator(), ...options });
  }
}

/** The SDK's validator of forms, made for the first of them: it takes most of the time of a new server. */
function lateValidator(): NonNullable<ServerOptions["jsonSchemaValidator"]> {
  let made: AjvJsonSchemaValidator | undefined;
  return { getValidator: (schema) => (made ??= new AjvJsonSchemaValidator()).getValidator(schema) };
}

/** The SDK's server, without sessions: connect it through a session layer. */
export const McpServer: McpServerClass = LateValidatingServer;
/** The SDK's server. */
export type McpServer = SdkMcpServer;
/** The constructor of {@linkcode McpServer}. */
export type McpServerClass = new (
  info: ServerInfo,
  // Written out, as SDK 1.20 has neither this option nor the type with it.
  options?: ServerOptions & { maxToolInputElements?: number },
) => McpServer;
/** A server's name and version, as in the result of `initialize`. */
export type ServerInfo = types.Implementation;
/** The SDK's options of a server, such as its `instructions`. */
export type ServerOptions = SdkServerOptions;
