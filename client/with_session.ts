/**
 * What a client puts around its transport to have sessions.
 *
 * @module
 */

import type { HeldCookie } from "../protocol/cookie.ts";
import type { SessionCapability } from "./session/capability.ts";
import type { SessionEvent } from "./session/events.ts";
import { messageOf } from "../runtime/errors.ts";
import { type CookieJar, MemoryJar } from "./jar/cookie_jar.ts";
import { CookieSlot } from "./session/cookie_slot.ts";
import { SessionLayer } from "./session/session_layer.ts";
import { type ConnectTransport, Reconnecting } from "./connection/reconnecting_transport.ts";
import type { Transport } from "./sdk.ts";

/** How {@linkcode withSession} finds, keeps and makes a session. */
export interface SessionOptions {
  /**
   * Where the cookie is kept for the next connection, which then goes on with the same session.
   *
   * @default A jar of this transport's own, which is gone with it
   */
  readonly jar?: CookieJar;
  /**
   * What the jar files the cookie under: the server's URL or command line. Needed with a jar.
   */
  readonly server?: string;
  /**
   * Tells several sessions with one server apart.
   *
   * @default "default"
   */
  readonly profile?: string;
  /** Told what happens to the session, before the result that brought it arrives. */
  readonly onsession?: (event: SessionEvent) => void;
  /**
   * How long a session may take to be found or made, in milliseconds. The client's requests wait
   * so long, and then go on without one.
   *
   * @default 5_000
   */
  readonly establishMs?: number;
  /**
   * How long a dead connection is tried again, in milliseconds, before what waits for it fails.
   *
   * @default 10_000
   */
  readonly reconnectMs?: number;
}

/** A transport that has a session. Connect an SDK client to it. */
export interface SessionTransport extends Transport {
  /** The cookie that is held, by copy; `undefined` without a session. */
  readonly cookie: HeldCookie | undefined;
  /** What the server says about its sessions; `undefined` before it does, or if it has none. */
  readonly capability: SessionCapability | undefined;
}

/**
 * Puts a session around a client's transport. `connect` makes a transport that has not been
 * started; it is called again when the connection has died: a server that was restarted, a process
 * that was killed.
 *
 * The session is made, or resumed from the jar, as the client connects, and its cookie goes with
 * every request; `null` in its place says that none is held. A `_meta["mcp/session"]` that the caller has put into a request, `null` included,
 * is left alone, and so is what the server answers to it.
 *
 * - A session that the server does not know any more is replaced by a new one, `onsession` is told
 *   that it is lost, and the calls that were refused for it are made again, once. A server that
 *   refuses by an `isError` result, not by -32002, is asked with `session/list` what the failure means;
 *   that call is not made again, as its tool may have run, and the next one has a new session.
 * - A request whose connection breaks before it is answered ends in an error for which
 *   {@linkcode isOutcomeUnknown} is true; it is not sent again. What was never sent is, for
 *   `reconnectMs`. Over HTTP that takes {@linkcode sendOnce}, as Deno's own `fetch` may send a
 *   request twice; without it, a server that can't be reached is an unknown outcome too.
 * - A jar that fails and a listener that throws are reported to `onerror`, and stop nothing.
 *
 * @throws {TypeError} If there is a jar, and no server to file its cookie under.
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
  options: SessionOptions = {},
): SessionTransport {
  const { jar, server, profile = "default", onsession } = options;
  if (jar !== undefined && server === undefined) {
    throw new TypeError("Cannot file cookies in the jar as `server` is not given");
  }
  const establishMs = positive("establishMs", options.establishMs ?? 5_000);
  const reconnectMs = positive("reconnectMs", options.reconnectMs ?? 10_000);
  const slot = new CookieSlot(jar ?? new MemoryJar(), { server: server ?? "", profile }, {
    tell: (event) => onsession?.(event),
    fail: (error) => layer.onerror?.(error instanceof Error ? error : new Error(messageOf(error))),
  });
  const transport = new Reconnecting(connect, { reconnectMs, givesUp: true });
  const layer = new SessionLayer({
    transport,
    slotOf: () => slot,
    first: slot,
    onreconnect: () => slot.tell({ type: "reconnected" }),
    establishMs,
  });
  return layer;
}

function positive(name: string, ms: number): number {
  if (ms > 0 && Number.isFinite(ms)) return ms;
  throw new RangeError(
    `Cannot use \`${name}\` as it is not a positive number: current value is ${ms}`,
  );
}
