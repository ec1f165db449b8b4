/**
 * Listening for HTTP: the guards in front of the endpoint, and the way to stop.
 *
 * @module
 */

import type { HttpSettings } from "./flags.ts";
import { refuse, StatelessHttpTransport } from "./http.ts";
import type { McpServer, Transport } from "./sdk.ts";
import { StatefulHttpServer } from "./stateful.ts";

/** A server that listens. */
export interface Listener {
  /** The endpoint's URL. */
  readonly url: string;
  /** Takes no new requests, answers those in flight, and resolves when all is done. */
  close(): Promise<void>;
}

/**
 * Serves the MCP endpoint over HTTP.
 *
 * @throws {Error} if the port is taken, with what to do about it.
 */
export async function listen(
  connect: (transport: Transport) => Promise<McpServer>,
  settings: HttpSettings,
): Promise<Listener> {
  const endpoint = settings.stateful
    ? new StatefulHttpServer(connect)
    : await connectStateless(connect);
  const { host, port, path } = settings;
  let allowed: ReadonlySet<string> = new Set();
  const http = openPort({ hostname: host, port }, async (request) => {
    const refusal = checkCaller(request, allowed) ?? checkPath(request, path);
    if (refusal === undefined) return await endpoint.fetch(request);
    await request.body?.cancel();
    return refusal;
  });
  const suffix = http.addr.port === 80 ? "" : `:${http.addr.port}`;
  const name = host.includes(":") ? `[${host}]` : host;
  allowed = new Set([name, "localhost", "127.0.0.1", "[::1]"].map((name) => name + suffix));
  return {
    url: `http://${name}${suffix}${path}`,
    close: async () => {
      if (endpoint instanceof StatefulHttpServer) endpoint.endStandaloneStreams();
      await http.shutdown();
      await endpoint.close();
    },
  };
}

async function connectStateless(connect: (transport: Transport) => Promise<McpServer>) {
  const transport = new StatelessHttpTransport();
  await connect(transport);
  return transport;
}

function openPort(
  options: { readonly hostname: string; readonly port: number },
  handler: (request: Request) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    const onError = () => refuse(500, "Internal server error");
    return Deno.serve({ ...options, onListen: () => {}, onError }, handler);
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      const { hostname, port } = options;
      throw new Error(
        `Cannot listen on ${hostname}:${port} as something else does: ` +
          "stop it, or choose another --port (0 takes a free one)",
      );
    }
    throw error;
  }
}

/**
 * Refuses a request that a web page has talked a browser into: one for another host (DNS
 * rebinding), or from another origin.
 */
function checkCaller({ headers }: Request, allowed: ReadonlySet<string>): Response | undefined {
  if (!allowed.has(headers.get("host") ?? "")) {
    return refuse(403, "Forbidden: the Host header names another host");
  }
  const origin = headers.get("origin");
  if (origin !== null && !(origin.startsWith("http://") && allowed.has(origin.slice(7)))) {
    return refuse(403, "Forbidden: requests from this Origin are not accepted");
  }
  return undefined;
}

function checkPath(request: Request, path: string): Response | undefined {
  if (new URL(request.url).pathname === path) return undefined;
  return refuse(404, `Not found: the MCP endpoint is ${path}`);
}
