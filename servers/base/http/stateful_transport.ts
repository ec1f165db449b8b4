/**
 * Stateful Streamable HTTP (`--stateful`): the SDK's own transport with its `Mcp-Session-Id`, for
 * servers that send requests to their clients. Transport sessions end with the process, ours do not.
 *
 * @module
 */

import type { ResponseBody } from "./response_body.ts";
import { ownerOf } from "../session/session_owner.ts";
import type { HttpEndpoint } from "./guard/guard.ts";
import { StatelessEndpoint, type StatelessHttpOptions } from "./stateless_endpoint.ts";
import { type HttpResources, httpResources } from "./http_resources.ts";
import { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import { checkProtocolVersion, isModernMessage } from "./protocol_version.ts";
import { errorResponse, respondUnread, unavailable } from "./error_responses.ts";
import type { AuthInfo, JSONRPCMessage, Transport } from "../sdk.ts";
import { TransportSession } from "./transport_session.ts";

/** Each transport session has a server of its own; a client that gets 404 opens another. */
const MAX_SESSIONS = 1000;
const MAX_SESSIONS_PER_OWNER = 250;
/** Leaves room for the sessions of principals. */
const MAX_ANONYMOUS_SESSIONS = 750;
const MAX_IDLE_MS = 30 * 60 * 1000;

export class StatefulHttpServer implements HttpEndpoint {
  /** Initialized sessions by id, the least recently used first. */
  readonly #sessions = new Map<string, TransportSession>();
  readonly #all = new Set<TransportSession>();
  readonly #connect: (transport: Transport) => Promise<unknown>;
  readonly #resources: HttpResources;
  /** Serves the modern era, which has no transport sessions. */
  readonly #stateless: StatelessEndpoint;
  readonly #streams: CoalescedTimer<ResponseBody>;
  readonly #sweep: ReturnType<typeof setInterval>;

  constructor(
    connect: (transport: Transport) => Promise<unknown>,
    { limits, keepAliveMs = 15_000 }: StatelessHttpOptions = {},
  ) {
    this.#connect = connect;
    this.#resources = httpResources(limits);
    this.#stateless = new StatelessEndpoint({ keepAliveMs }, this.#resources);
    this.#streams = new CoalescedTimer(keepAliveMs, (body) => body.keepAlive());
    this.#sweep = setInterval(() => void this.#closeIdle(), MAX_IDLE_MS / 10);
  }

  /** Connects the server of the modern era. */
  async start(): Promise<void> {
    await this.#connect(this.#stateless);
  }

  async fetch(request: Request, authInfo?: AuthInfo, address?: string): Promise<Response> {
    const eras = this.#stateless.servedEras;
    if (eras === "modern") return await this.#stateless.fetch(request, authInfo, address);
    const owner = ownerOf(authInfo);
    const lease = this.#resources.quota.acquire(owner);
    if (lease === undefined) {
      return await respondUnread(request, unavailable("it has too many requests"));
    }
    let accepted = false;
    try {
      const message = request.method === "POST"
        ? await this.#resources.reader.read(request, eras, lease)
        : checkProtocolVersion(request.headers, eras);
      if (message instanceof Response) return message;
      if (message !== undefined && isModernMessage(request.headers, message)) {
        accepted = true;
        return await this.#stateless.respond(request, { message, authInfo, address, lease });
      }
      // No await may come between finding a session and using it.
      const session = this.#find(request.headers, message, owner) ?? await this.#open(owner);
      if (session instanceof Response) return session;
      accepted = true;
      return await session.fetch(request, { message, authInfo, address, lease });
    } finally {
      if (!accepted) lease.release();
    }
  }

  /**
   * Refuses further requests, and ends what would keep the server from stopping: streams, and what asks a
   * client. Pending requests get their response.
   */
  stop(): void {
    this.#stateless.stop();
    for (const session of this.#sessions.values()) session.stop();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    this.#resources.reader.stop();
    for (const session of [...this.#all]) await session.close();
    this.#streams.stop();
    await this.#stateless.close();
  }

  /** The transport session of a request; `undefined` if its `initialize` opens one. */
  #find(
    headers: Headers,
    message: JSONRPCMessage | undefined,
    owner: string | null,
  ): TransportSession | Response | undefined {
    const id = headers.get("mcp-session-id");
    if (id !== null) {
      const session = this.#sessions.get(id);
      // Another principal's session is not found, like one that never was.
      if (session === undefined || session.owner !== owner) {
        return errorResponse(
          404,
          "Transport session not found: send initialize without Mcp-Session-Id",
        );
      }
      this.#sessions.delete(id);
      this.#sessions.set(id, session);
      return session;
    }
    if (message === undefined || !("method" in message) || message.method !== "initialize") {
      return errorResponse(400, "Bad request: Mcp-Session-Id is missing; initialize gives one");
    }
    return undefined;
  }

  async #open(owner: string | null): Promise<TransportSession | Response> {
    if (!this.#makeRoom(owner)) return unavailable("it has too many transport sessions");
    const session = new TransportSession({
      owner,
      unread: this.#resources.unread,
      streams: this.#streams,
      onopen: (id) => void this.#sessions.set(id, session),
      onclose: (id) => {
        this.#all.delete(session);
        if (id !== undefined) this.#sessions.delete(id);
      },
    });
    this.#all.add(session);
    try {
      await session.connect(this.#connect);
      return session;
    } catch (error) {
      this.#all.delete(session);
      throw error;
    }
  }

  /**
   * Whether one more session of this owner fits. If not yet, closes the least recently used idle one;
   * an open stream protects none, as its client may be long gone.
   */
  #makeRoom(owner: string | null): boolean {
    const counts = new Map<string | null, number>();
    const countOf = (owner: string | null) => counts.get(owner) ?? 0;
    for (const { owner } of this.#all) counts.set(owner, countOf(owner) + 1);
    const isFull =
      countOf(owner) >= (owner === null ? MAX_ANONYMOUS_SESSIONS : MAX_SESSIONS_PER_OWNER);
    if (!isFull && this.#all.size < MAX_SESSIONS) return true;
    // An owner of many sessions gives one up for an owner of fewer, never the reverse.
    const idle = [...this.#sessions.values()].filter((session) =>
      !session.isBusy &&
      (session.owner === owner || !isFull && countOf(session.owner) > countOf(owner))
    );
    const most = Math.max(...idle.map((session) => countOf(session.owner)));
    const closing = idle.find((session) => countOf(session.owner) === most);
    // Its room is free at once; the rest of its end can go on in the background.
    void closing?.close();
    return closing !== undefined;
  }

  async #closeIdle(): Promise<void> {
    for (const session of [...this.#sessions.values()]) {
      if (session.idleMs > MAX_IDLE_MS) await session.close();
    }
  }
}
