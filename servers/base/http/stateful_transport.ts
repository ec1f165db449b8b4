/**
 * Streamable HTTP with the SDK's own transport and its `Mcp-Session-Id`: for servers that send
 * requests to their clients. The transport's sessions die with the process; ours do not.
 *
 * @module
 */

import { type AnswerBody, UnreadAnswers } from "./response_body.ts";
import { ownerOf } from "../session/session_owner.ts";
import type { HttpEndpoint } from "./guard.ts";
import type { StatelessHttpOptions } from "./stateless_transport.ts";
import { Load, requestLimits } from "./request_quota.ts";
import { CoalescedTimer } from "../coalesced_timer.ts";
import { checkVersion, PostReader } from "./request_reader.ts";
import { discardBody, refuse, refuseForNow } from "./error_responses.ts";
import type { AuthInfo, JSONRPCMessage, McpServer, Transport } from "../sdk.ts";
import { TransportSession } from "./transport_session.ts";

// Each has a server of its own, and a client that is told 404 opens another without being asked to.
const MAX_SESSIONS = 1000;
const MAX_OF_OWNER = 250;
/** Nobody's leave room for those of principals. */
const MAX_OF_NOBODY = 750;
const MAX_IDLE_MS = 30 * 60 * 1000;

/** Serves Streamable HTTP with one server for each transport session. */
export class StatefulHttpServer implements HttpEndpoint {
  /** By id, the longest unused first. */
  readonly #sessions = new Map<string, TransportSession>();
  /** With those that are not initialised yet. */
  readonly #all = new Set<TransportSession>();
  readonly #connect: (transport: Transport) => Promise<McpServer>;
  readonly #load: Load;
  readonly #reader: PostReader;
  readonly #unread: UnreadAnswers;
  readonly #streams: CoalescedTimer<AnswerBody>;
  readonly #sweep: ReturnType<typeof setInterval>;

  /** Takes what connects a new server to a new transport, through the session layer. */
  constructor(
    connect: (transport: Transport) => Promise<McpServer>,
    { limits, keepAliveMs = 15_000 }: StatelessHttpOptions = {},
  ) {
    const checked = requestLimits(limits);
    this.#connect = connect;
    this.#load = new Load(checked);
    this.#reader = new PostReader(checked);
    this.#unread = new UnreadAnswers(checked);
    this.#streams = new CoalescedTimer(keepAliveMs, (body) => body.keepAlive());
    this.#sweep = setInterval(() => void this.#closeIdle(), MAX_IDLE_MS / 10);
  }

  /** Answers one HTTP request, on behalf of the caller that `authInfo` describes. */
  async fetch(request: Request, authInfo?: AuthInfo): Promise<Response> {
    const owner = ownerOf(authInfo);
    const ticket = this.#load.take(owner);
    if (ticket === undefined) {
      await discardBody(request);
      return refuseForNow("it has too many requests");
    }
    let accepted = false;
    try {
      const message = request.method === "POST"
        ? await this.#reader.read(request, ticket)
        : checkVersion(request.headers);
      if (message instanceof Response) return message;
      // Nothing may come between finding a session and its being in use.
      const session = this.#find(request.headers, message, owner) ?? await this.#open(owner);
      if (session instanceof Response) return session;
      accepted = true;
      return await session.fetch(request, { message, authInfo, ticket });
    } finally {
      if (!accepted) ticket.end();
    }
  }

  /**
   * Takes nothing more on, and ends the streams that wait for a server to speak: they would keep it
   * from ever stopping. What runs is answered.
   */
  stop(): void {
    this.#reader.stop();
    for (const session of this.#sessions.values()) session.endStandaloneStream();
  }

  /** Closes every transport session. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    this.#reader.stop();
    for (const session of [...this.#all]) await session.close();
    this.#unread.stop();
    this.#streams.stop();
  }

  /** The transport session that a request belongs to; `undefined` if its `initialize` opens one. */
  #find(
    headers: Headers,
    message: JSONRPCMessage | undefined,
    owner: string | null,
  ): TransportSession | Response | undefined {
    const id = headers.get("mcp-session-id");
    if (id !== null) {
      const session = this.#sessions.get(id);
      // Somebody else's is not found, just as one that never was.
      if (session === undefined || session.owner !== owner) {
        return refuse(404, "Transport session not found: send initialize without Mcp-Session-Id");
      }
      this.#sessions.delete(id);
      this.#sessions.set(id, session);
      return session;
    }
    if (message === undefined || !("method" in message) || message.method !== "initialize") {
      return refuse(400, "Bad request: Mcp-Session-Id is missing; initialize gives one");
    }
    return undefined;
  }

  async #open(owner: string | null): Promise<TransportSession | Response> {
    if (!this.#makeRoom(owner)) return refuseForNow("it has too many transport sessions");
    const session = new TransportSession({
      owner,
      unread: this.#unread,
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
   * Closes the transport session longest without a request if that takes one more of this owner's; is
   * there room? An open stream protects none: its client may be long gone.
   */
  #makeRoom(owner: string | null): boolean {
    const counts = new Map<string | null, number>();
    const countOf = (owner: string | null) => counts.get(owner) ?? 0;
    for (const { owner } of this.#all) counts.set(owner, countOf(owner) + 1);
    const isFull = countOf(owner) >= (owner === null ? MAX_OF_NOBODY : MAX_OF_OWNER);
    if (!isFull && this.#all.size < MAX_SESSIONS) return true;
    // Who has many gives one up for those who have few, and never the other way about.
    const idle = [...this.#sessions.values()].filter((session) =>
      !session.isBusy &&
      (session.owner === owner || !isFull && countOf(session.owner) > countOf(owner))
    );
    const most = Math.max(...idle.map((session) => countOf(session.owner)));
    const closing = idle.find((session) => countOf(session.owner) === most);
    // It makes room at once, and the rest of its end needs nobody to wait.
    void closing?.close();
    return closing !== undefined;
  }

  async #closeIdle(): Promise<void> {
    for (const session of [...this.#sessions.values()]) {
      if (session.idleMs > MAX_IDLE_MS) await session.close();
    }
  }
}
