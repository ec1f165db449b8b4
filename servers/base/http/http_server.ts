/**
 * Listening for HTTP: the guards in front of the endpoint, and the way to stop.
 *
 * @module
 */

import type { Authenticator } from "./authentication.ts";
import { parseAuthority } from "./authority.ts";
import type { HttpSettings } from "../serve/flags.ts";
import { forHosts, forPages, type HttpEndpoint } from "./guard.ts";
import { StatelessHttpTransport } from "./stateless_transport.ts";
import type { RequestLimits } from "./request_quota.ts";
import { HttpPort } from "./http_port.ts";
import { refuse } from "./error_responses.ts";
import type { McpServer, Transport } from "../sdk.ts";

/** A server that listens. */
export interface Listener {
  /** The endpoint's URL. */
  readonly url: string;
  /** Takes no new requests, answers those in flight, and resolves when all is done. */
  close(): Promise<void>;
}

/** What a server that listens is made of. */
export interface ListenOptions {
  /** Connects a server to a transport, through the session layer. */
  readonly connect: (transport: Transport) => Promise<McpServer>;
  /** Tells whom a request comes from, if anybody is asked. */
  readonly authenticate?: Authenticator | undefined;
  /** What it takes on at the most. */
  readonly limits?: Partial<RequestLimits> | undefined;
  /** Told of what goes wrong. */
  readonly onerror: (error: Error) => void;
  /** Told what else the operator should know. */
  readonly warn: (message: string) => void;
  /** Told of who is refused by `Host` or `Origin`. */
  readonly onforbidden?: ((reason: string) => void) | undefined;
}

/**
 * Serves the MCP endpoint over HTTP.
 *
 * @throws {Error} if the port is taken, or the file of tokens cannot be read, with what to do about
 * it.
 */
export async function listen(settings: HttpSettings, options: ListenOptions): Promise<Listener> {
  const { host, port, path, allowAnonymous, allowedHosts, allowedOrigins } = settings;
  const authenticate = await authentication(settings, options);
  const endpoint = await openEndpoint(settings, options);
  const { onerror, onforbidden, warn } = options;
  const http = new HttpPort(
    { hostname: host, port, onerror, warn },
    (request) => handler(request),
  );
  const onPort = (name: string) => `${name}:${http.number}`;
  const suffix = http.number === 80 ? "" : `:${http.number}`;
  const name = host.includes(":") ? `[${host}]` : host;
  const own = [name, "localhost", "127.0.0.1", "[::1]"].map(onPort);
  const withoutPort = allowedHosts.filter((host) => parseAuthority(host)?.port === undefined);
  const guarded = forHosts(endpoint, {
    hosts: [...own, ...allowedHosts, ...withoutPort.map(onPort)],
    authenticate,
    allowAnonymous,
    onforbidden,
    onerror,
  });
  const handler = forPages(
    // A page that may call can read that it asked for the wrong path.
    (request) =>
      pathOf(request.url) === path
        ? guarded(request)
        : Promise.resolve(refuse(404, `Not found: the MCP endpoint is ${path}`)),
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
      await http.close();
      await endpoint.close();
    },
  };
}

/** An endpoint that can be stopped. */
interface OpenEndpoint extends HttpEndpoint {
  stop(): void;
  close(): Promise<void>;
}

async function openEndpoint(
  { stateful }: HttpSettings,
  { connect, limits }: ListenOptions,
): Promise<OpenEndpoint> {
  if (stateful) {
    const { StatefulHttpServer } = await import("./stateful_transport.ts");
    return new StatefulHttpServer(connect, { limits });
  }
  const transport = new StatelessHttpTransport({ limits });
  await connect(transport);
  return transport;
}

async function authentication(
  { tokens }: HttpSettings,
  { authenticate }: ListenOptions,
): Promise<Authenticator | undefined> {
  if (tokens === undefined) return authenticate;
  const { readTokens } = await import("./bearer_tokens.ts");
  return await readTokens(tokens);
}

/** The path in a request's URL, which is not parsed as its host may be none. */
function pathOf(url: string): string {
  const start = url.indexOf("/", "https://".length);
  const query = url.indexOf("?", start);
  return url.slice(start, query === -1 ? undefined : query);
}
