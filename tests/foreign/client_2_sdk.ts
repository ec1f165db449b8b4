/**
 * The SDK of the second generation, for Node, from its package's folder: an import by name would put the
 * package into `deno.lock`, and so on every user's machine.
 */

import { pathToFileURL } from "node:url";
import type { Sdk, SdkClient } from "../support/servers/run_once.ts";

/** The client, with what only this generation has. */
interface Client2 extends SdkClient {
  callTool(params: object, options?: { readonly signal: AbortSignal }): Promise<object>;
  setRequestHandler(method: string, handler: () => object): void;
  setNotificationHandler(method: string, handler: () => void): void;
  listen(filter: object): Promise<{ readonly closed: Promise<string> }>;
}

interface Sdk2 extends Sdk {
  readonly Client: new (...args: ConstructorParameters<Sdk["Client"]>) => Client2;
}

export async function sdkIn(folder: string): Promise<Sdk2> {
  const [{ Client, StreamableHTTPClientTransport }, { StdioClientTransport }] = await Promise.all(
    ["index.mjs", "stdio.mjs"].map((file) => import(`${pathToFileURL(folder)}/dist/${file}`)),
  );
  return { Client, StdioClientTransport, StreamableHTTPClientTransport };
}
