/**
 * One transport session of the SDK's: whose it is, whether it is in use, and which of its requests
 * are still without an answer.
 *
 * @module
 */

import { CODE, member, WireError } from "../../protocol.ts";
import type { Ticket } from "./load.ts";
import { errorMessage, writable } from "./message.ts";
import { json } from "./refuse.ts";
import type { AuthInfo, JSONRPCMessage, McpServer, RequestId, Transport } from "./sdk.ts";
import { WebStandardStreamableHTTPServerTransport as SdkTransport } from "./sdk_http.ts";

/** What a transport session is opened with. */
export interface TransportSessionOptions {
  /** The principal who opens it: nobody else reaches it. */
  readonly owner: string | null;
  /** Told of its id, once it has one. */
  readonly onopen: (id: string, session: TransportSession) => void;
  /** Told when it is closed, by whoever it was. */
  readonly onclose: (id: string) => void;
}

/** What a request to a transport session came with. */
export interface Exchange {
  /** The message in a POST, which has been read. */
  readonly message: JSONRPCMessage | undefined;
  /** Whom it comes from. */
  readonly authInfo: AuthInfo | undefined;
  /** Its part of what the server has taken on; the session ends it. */
  readonly ticket: Ticket;
}

/** A transport of the SDK's with a server behind it. */
export class TransportSession {
  /** The principal whose it is. */
  readonly owner: string | null;
  readonly #sdk: SdkTransport;
  /** What is without an answer, by the ids of the requests. */
  readonly #tickets = new Map<RequestId, Ticket>();
  #streams = 0;
  #usedAt = Date.now();

  private constructor({ owner, onopen, onclose }: TransportSessionOptions) {
    this.owner = owner;
    const sdk = new SdkTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => onopen(id, this),
    });
    const send = sdk.send.bind(sdk);
    sdk.send = async (message, options) => {
      if ("method" in message) return await send(message, options);
      // The SDK would end the stream of one that is no JSON without a word.
      try {
        await send(writable(message), options);
      } finally {
        // It fails when the client has gone; its call is over all the same.
        if (message.id !== undefined) this.#answered(message.id);
      }
    };
    sdk.onclose = () => {
      if (sdk.sessionId !== undefined) onclose(sdk.sessionId);
      for (const id of this.#tickets.keys()) this.#answered(id);
    };
    this.#sdk = sdk;
  }

  /** Connects a new server to a new transport. It is nobody's to reach until it is initialised. */
  static async open(
    connect: (transport: Transport) => Promise<McpServer>,
    options: TransportSessionOptions,
  ): Promise<TransportSession> {
    const session = new TransportSession(options);
    await connect(session.#sdk);
    return session;
  }

  /** How long nobody has used it, in milliseconds. */
  get idleMs(): number {
    return this.#tickets.size + this.#streams > 0 ? 0 : Date.now() - this.#usedAt;
  }

  /** Answers one HTTP request. */
  async fetch(request: Request, { message, authInfo, ticket }: Exchange): Promise<Response> {
    const id = message !== undefined && "method" in message && "id" in message
      ? message.id
      : undefined;
    if (id !== undefined && this.#tickets.has(id)) {
      ticket.end();
      const why = "The id of a request must not be that of another one still in flight";
      return json(400, errorMessage(id, new WireError(CODE.invalidRequest, why)));
    }
    if (id === undefined) ticket.end();
    else this.#tickets.set(id, ticket);
    let accepted = false;
    try {
      const response = await this.#sdk.handleRequest(request, {
        ...(authInfo && { authInfo }),
        ...(message && { parsedBody: message }),
      });
      accepted = response.ok;
      this.#usedAt = Date.now();
      this.#endCancelled(message);
      // Only an initialize opens a transport session; anything else was refused.
      if (this.#sdk.sessionId === undefined) await this.close();
      return request.method === "GET" ? this.#watched(response) : response;
    } finally {
      if (id !== undefined && !accepted) this.#answered(id);
    }
  }

  /** Ends the stream that waits for the server to speak. */
  endStandaloneStream(): void {
    this.#sdk.closeStandaloneSSEStream();
  }

  /** Closes the transport, and the server with it. */
  close(): Promise<void> {
    return this.#sdk.close();
  }

  #answered(id: RequestId): void {
    this.#tickets.get(id)?.end();
    this.#tickets.delete(id);
    this.#usedAt = Date.now();
  }

  /** A request that is cancelled gets no answer: the SDK would keep its stream for ever. */
  #endCancelled(message: JSONRPCMessage | undefined): void {
    if (member(message, "method") !== "notifications/cancelled") return;
    const id = member(member(message, "params"), "requestId");
    if (typeof id !== "string" && typeof id !== "number") return;
    this.#sdk.closeSSEStream(id);
    this.#answered(id);
  }

  /** A stream that counts as use of the session for as long as somebody reads it. */
  #watched(response: Response): Response {
    if (response.body === null) return response;
    this.#streams++;
    const end = () => {
      this.#streams--;
      this.#usedAt = Date.now();
    };
    const body = response.body.pipeThrough(new TransformStream({ flush: end, cancel: end }));
    return new Response(body, response);
  }
}
