/**
 * The HTTP server: a listener, the guard and an endpoint, from the settings of a command line.
 *
 * @module
 */

import type { Authenticator } from "./guard/authentication.ts";
import type { BearerTokens } from "./guard/bearer_tokens.ts";
import { parseAuthority } from "./guard/authority.ts";
import { clientAddress, type ConnectionInfo } from "./guard/client_address.ts";
import { guardHosts, guardOrigins } from "./guard/guard.ts";
import { HealthChecks } from "./health.ts";
import { refusalTeller } from "./guard/refusals.ts";
import { StatelessHttpTransport } from "./stateless_transport.ts";
import type { RequestLimits } from "./request_quota.ts";
import { HttpListener } from "./http_listener.ts";
import { pathOf } from "./paths.ts";
import { errorResponse } from "./error_responses.ts";
import type { Observer } from "../observer/observer.ts";
import type { SessionStore } from "../../../store/session_store.ts";
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
  /** Addresses and blocks of the proxies whose `X-Forwarded-For` counts. */
  readonly trustedProxies: readonly string[];
  /** The time for which a stopping server serves on, in milliseconds. */
  readonly drainMs: number;
}

export interface HttpServer {
  readonly url: string;
  /** The tokens of the settings' file. */
  readonly tokens: BearerTokens | undefined;
  /** Lets `/readyz` say that it stops, and serves on for the time of the settings. */
  drain(): Promise<void>;
  /** Refuses new requests, and resolves when the pending ones have their response. */
  close(): Promise<void>;
}

interface HttpServerOptions {
  /** Connects a server to a transport, through the session layer. */
  readonly connect: (transport: Transport) => Promise<unknown>;
  /** Finds the caller of a request, unless the settings name a file of tokens. */
  readonly authenticate?: Authenticator | undefined;
  readonly limits?: Partial<RequestLimits> | undefined;
  /** The store that `/readyz` asks. */
  readonly store: Pick<SessionStore, "checkWritable">;
  readonly onerror: (error: Error) => void;
  readonly warn: (message: string) => void;
  readonly onforbidden?: ((reason: string) => void) | undefined;
  /** Told of each request that is refused. */
  readonly observer?: Observer | undefined;
}

/**
 * Serves the MCP endpoint over HTTP, and beside it the health checks.
 *
 * @throws {Error} if the port is taken or the file of tokens cannot be read, with the remedy.
 */
export async function startHttpServer(
  settings: HttpSettings,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const { host, port, path, allowAnonymous, allowedHosts, allowedOrigins } = settings;
  const tokens = settings.tokens === undefined
    ? undefined
    : await (await import("./guard/bearer_tokens.ts")).BearerTokens.read(settings.tokens);
  const endpoint = await openEndpoint(settings, options);
  const { store, onerror, onforbidden, observer, warn } = options;
  const health = new HealthChecks({ store, warn });
  const addressOf = clientAddress(settings.trustedProxies);
  const listener = new HttpListener(
    { hostname: host, port, onerror, warn },
    (request, info) => handler(request, info),
  );
  const onPort = (name: string) => `${name}:${listener.port}`;
  const suffix = listener.port === 80 ? "" : `:${listener.port}`;
  const name = host.includes(":") ? `[${host}]` : host;
  const own = [name, "localhost", "127.0.0.1", "[::1]"].map(onPort);
  const withoutPort = allowedHosts.filter((host) => parseAuthority(host)?.port === undefined);
  const guarded = guardHosts(endpoint, {
    hosts: [...own, ...allowedHosts, ...withoutPort.map(onPort)],
    authenticate: tokens?.authenticate ?? options.authenticate,
    allowAnonymous,
    onforbidden,
    onerror,
    observer,
  });
  const tell = refusalTeller({ observer, onerror });
  const origins = [...own.map((host) => `http://${host}`), ...allowedOrigins];
  const ofOrigins = { origins, onforbidden, onerror, observer };
  const atPath = guardOrigins(guarded, ofOrigins);
  // Inside the guard of origins too, so that an allowed page can read the 404.
  const elsewhere = guardOrigins(
    (_, address) =>
      Promise.resolve(tell(errorResponse(404, `Not found: the MCP endpoint is ${path}`), address)),
    ofOrigins,
  );
  const handler = (request: Request, info: ConnectionInfo): Promise<Response> =>
    pathOf(request.url) === path
      ? atPath(request, addressOf(request, info))
      : health.respond(request) ?? elsewhere(request, addressOf(request, info));
  return {
    url: `http://${name}${suffix}${path}`,
    tokens,
    drain: async () => {
      health.stop();
      const { drainMs } = settings;
      if (drainMs > 0) await new Promise((resolve) => setTimeout(resolve, drainMs));
    },
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
