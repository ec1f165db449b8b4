/**
 * The HTTP server: a listener, the guard and an endpoint, from the settings of a command line.
 *
 * @module
 */

import type { Authenticator } from "./guard/authentication.ts";
import { parseAuthority } from "./guard/authority.ts";
import { guardHosts, guardOrigins } from "./guard/guard.ts";
import { StatelessHttpTransport } from "./stateless_transport.ts";
import type { RequestLimits } from "./request_quota.ts";
import { HttpListener } from "./http_listener.ts";
import { errorResponse } from "./error_responses.ts";
import type { Transport } from "../sdk.ts";

export interface HttpSettings {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly path: string;
  /** Whether the SDK's own transport serves, with its `Mcp-Session-Id`. */
  readonly stateful: boolean;
  /** File with the callers' tokens; `undefined` if no caller needs one. */
  readonly tokens: string | undefined;
  /** Whether callers without a token are served too, from wherever they come. */
  readonly allowAnonymous: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

export interface HttpServer {
  readonly url: string;
  /** Refuses new requests, and resolves when the pending ones have their response. */
  close(): Promise<void>;
}

interface HttpServerOptions {
  /** Connects a server to a transport, through the session layer. */
  readonly connect: (transport: Transport) => Promise<unknown>;
  /** Finds the caller of a request, unless the settings name a file of tokens. */
  readonly authenticate?: Authenticator | undefined;
  readonly limits?: Partial<RequestLimits> | undefined;
  readonly onerror: (error: Error) => void;
  readonly warn: (message: string) => void;
  readonly onforbidden?: ((reason: string) => void) | undefined;
}

/**
 * Serves the MCP endpoint over HTTP.
 *
 * @throws {Error} if the port is taken or the file of tokens cannot be read, with the remedy.
 */
export async function startHttpServer(
  settings: HttpSettings,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const { host, port, path, allowAnonymous, allowedHosts, allowedOrigins } = settings;
  const authenticate = settings.tokens === undefined
    ? options.authenticate
    : await (await import("./guard/bearer_tokens.ts")).readTokens(settings.tokens);
  const endpoint = await openEndpoint(settings, options);
  const { onerror, onforbidden, warn } = options;
  const listener = new HttpListener(
    { hostname: host, port, onerror, warn },
    (request) => handler(request),
  );
  const onPort = (name: string) => `${name}:${listener.port}`;
  const suffix = listener.port === 80 ? "" : `:${listener.port}`;
  const name = host.includes(":") ? `[${host}]` : host;
  const own = [name, "localhost", "127.0.0.1", "[::1]"].map(onPort);
  const withoutPort = allowedHosts.filter((host) => parseAuthority(host)?.port === undefined);
  const guarded = guardHosts(endpoint, {
    hosts: [...own, ...allowedHosts, ...withoutPort.map(onPort)],
    authenticate,
    allowAnonymous,
    onforbidden,
    onerror,
  });
  const handler = guardOrigins(
    // Inside the guard of origins, so that an allowed page can read the 404.
    (request) =>
      pathOf(request.url) === path
        ? guarded(request)
        : Promise.resolve(errorResponse(404, `Not found: the MCP endpoint is ${path}`)),
    {
      origins: [...own.map((host) => `http://${host}`), ...allowedOrigins],
      onforbidden,
      onerror,
    },
  );
  return {
    url: `http://${name}${suffix}${path}`,
    close: async () => {
      endpoint.stop();
      await listener.close();
      await endpoint.close();
    },
  };
}

async function openEndpoint({ stateful }: HttpSettings, { connect, limits }: HttpServerOptions) {
  if (stateful) {
    const { StatefulHttpServer } = await import("./stateful_transport.ts");
    const server = new StatefulHttpServer(connect, { limits });
    await server.start();
    return server;
  }
  const transport = new StatelessHttpTransport({ limits });
  await connect(transport);
  return transport;
}

/** The path of a request's URL, whose host may be too malformed to parse. */
function pathOf(url: string): string {
  const start = url.indexOf("/", "https://".length);
  const query = url.indexOf("?", start);
  return url.slice(start, query === -1 ? undefined : query);
}
