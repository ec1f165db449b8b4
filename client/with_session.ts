/**
 * The session transport: a client's transport with a session around it.
 *
 * @module
 */

import type { HeldCookie } from "../protocol/cookie.ts";
import type { SessionCapability } from "./session/capability.ts";
import type { SessionEvent } from "./session/events.ts";
import { asError } from "../runtime/errors.ts";
import { type CookieJar, MemoryJar } from "./jar/cookie_jar.ts";
import { CookieSlot } from "./session/cookie_slot.ts";
import { SessionLayer } from "./session/session_layer.ts";
import {
  type ConnectTransport,
  ReconnectingTransport,
} from "./connection/reconnecting_transport.ts";
import type { Transport } from "./sdk.ts";

/** Options of {@linkcode withSession}. */
export interface WithSessionOptions {
  /**
   * The jar that keeps the cookie, so that the next connection resumes the session.
   *
   * @default a {@linkcode MemoryJar} of this transport's own
   */
  readonly jar?: CookieJar;
  /**
   * The server's URL or command line, under which the jar files the cookie. Required with a jar.
   */
  readonly server?: string;
  /**
   * The profile, which separates several sessions with one server.
   *
   * @default "default"
   */
  readonly profile?: string;
  /** Called with each session event, before the result that caused it is delivered. */
  readonly onsession?: (event: SessionEvent) => void;
  /**
   * The time to resume or create a session, in milliseconds. The client's requests wait for it, then
   * go on without a session. So long a refused call also waits for others under way in the same session, one
   * of which may bring its new id.
   *
   * @default 5_000
   */
  readonly establishMs?: number;
  /**
   * The time to rebuild a dead connection, in milliseconds. Requests that wait for it then fail.
   *
   * @default 10_000
   */
  readonly reconnectMs?: number;
}

/** A transport with a session, for an SDK client to connect to. */
export interface SessionTransport extends Transport {
  /** The held cookie, by copy; `undefined` without a session. */
  readonly cookie: HeldCookie | undefined;
  /** The server's session capability; `undefined` before it connects, or if it has none. */
  readonly capability: SessionCapability | undefined;
  /**
   * Whether the server's transport has a stream for each request, so that closing it cancels the request,
   * as the second generation of the SDK wants to know.
   */
  readonly hasPerRequestStream: boolean;
  /** Passes the versions that the client speaks on to each connection. */
  setSupportedProtocolVersions(versions: string[]): void;
}

/**
 * Puts a session around a client's transport (PROTOCOL section 5). `connect` makes a transport that
 * has not been started; it is called again when the connection is dead, as after a restart of the
 * server.
 *
 * The session is resumed from the jar, or created, as the client connects: once its `initialize`, or its
 * `server/discover`, has succeeded; for a client that sends neither, before its first request. Its cookie
 * goes with every request, and `null` does when none is held, under the key of the request's era (PROTOCOL
 * section 10). A cookie that the caller has set under either key, `null` included, is left alone, and so is
 * the cookie in its answer.
 *
 * - A session that the server has lost is replaced by a new one, after a `lost` event, and the refused
 *   calls are retried once. When a server refuses by an `isError` result instead of an error,
 *   `session/list` tells what the failure means; that call is not retried, as its tool may have run, and
 *   the next call has a new session.
 * - A request whose connection breaks before the answer, or whose answer is no message, ends in an error
 *   for which {@linkcode isOutcomeUnknown} is true, and is not retried. A request that was never sent is
 *   retried for `reconnectMs`. Over HTTP that takes {@linkcode sendOnce}: Deno's own `fetch` may send a
 *   request twice, and without `sendOnce` an unreachable server is an unknown outcome too.
 * - Errors of the jar or of a listener go to `onerror`, and stop nothing.
 *
 * @throws {TypeError} If `jar` is given without `server`.
 * @throws {RangeError} If a time is not a positive number.
 *
 * @example
 * ```ts
 * import { Client } from "@modelcontextprotocol/sdk/client/index.js";
 * import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
 * import { MemoryJar, sendOnce, withSession } from "@mcp-sessions/deno/client";
 *
 * const jar = new MemoryJar();
 *
 * export async function notes(url: string) {
 *   const transport = withSession(
 *     () => new StreamableHTTPClientTransport(new URL(url), { fetch: sendOnce }),
 *     { jar, server: url, onsession: (event) => console.log(event.type) },
 *   );
 *   const client = new Client({ name: "example", version: "1.0.0" });
 *   await client.connect(transport);
 *   await client.callTool({ name: "notebook_append", arguments: { text: "Remember me" } });
 *   console.log(transport.cookie?.expiry);
 *   await client.close();
 * }
 * ```
 */
export function withSession(
  connect: ConnectTransport,
  options: WithSessionOptions = {},
): SessionTransport {
  const { jar, server, profile = "default", onsession } = options;
  if (jar !== undefined && server === undefined) {
    throw new TypeError("Cannot file cookies in the jar as `server` is not given");
  }
  const establishMs = positive("establishMs", options.establishMs ?? 5_000);
  const reconnectMs = positive("reconnectMs", options.reconnectMs ?? 10_000);
  const slot = new CookieSlot(jar ?? new MemoryJar(), { server: server ?? "", profile }, {
    onevent: (event) => onsession?.(event),
    onerror: (error) => layer.onerror?.(asError(error)),
  });
  const transport = new ReconnectingTransport(connect, { reconnectMs, givesUp: true });
  const layer = new SessionLayer({
    transport,
    slotOf: () => slot,
    eagerSlot: slot,
    onreconnect: () => slot.emit({ type: "reconnected" }),
    establishMs,
    speaksModern: true,
  });
  return layer;
}

function positive(name: string, ms: number): number {
  if (ms > 0 && Number.isFinite(ms)) return ms;
  throw new RangeError(
    `Cannot use \`${name}\` as it is not a positive number: current value is ${ms}`,
  );
}
