/**
 * Connectable server: a server of the MCP SDK, of either generation, as far as this project uses it.
 *
 * @module
 */

import type { Transport } from "./sdk.ts";

/** A server that can be served, such as `McpServer` of SDK 1 and of SDK 2. */
export interface ConnectableServer {
  /** Attaches the server to a transport, and starts the transport. */
  readonly connect: (transport: Transport) => Promise<void>;
  /** Closes the server and its transport. */
  readonly close: () => Promise<void>;
  /** The protocol's part of the server. */
  readonly server: {
    /** Takes errors that are no answer to a request. */
    onerror?: ((error: Error) => void) | undefined;
  };
}
