/**
 * The stateless Streamable HTTP transport: one MCP server answers every request, whoever sent it
 * and whichever process it reaches, because sessions do not live in the connection.
 *
 * @module
 */

import { member, presentedCookie } from "../../protocol.ts";
import { ownerOf } from "./find.ts";
import { answerText, errorMessage, MAX_MESSAGE_BYTES, readMessage, tooLarge } from "./message.ts";
import {
  type AuthInfo,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
  type Transport,
  type TransportSendOptions,
} from "./sdk.ts";

// What the SDK and its clients use for an error of the transport itself.
const TRANSPORT_ERROR = -32000;

/** A request that has no answer yet. */
interface InFlight {
  /** The id that the client gave it. */
  readonly id: RequestId;
  /** Who may cancel it: the principal, or whoever presents the same cookie. */
  readonly caller: string | undefined;
  /** Settles the HTTP exchange, with JSON or with the head of an event stream. */
  readonly respond: (response: Response) => void;
  /** Set once the answer has become an event stream. */
  stream: StreamController | undefined;
}

type StreamController = ReadableStreamDefaultController<Uint8Array>;

/**
 * Serves Streamable HTTP without transport sessions. Give `fetch` to `Deno.serve`.
 *
 * Each request runs under an id of the transport's own, so clients cannot meet in one server. What
 * needs a lasting connection is not here: a tool that sends a request to the client gets an error,
 * and a notification that belongs to no request is dropped. A lost connection does not cancel the
 * call that it carried.
 */
export class StatelessHttpTransport implements Transport {
  readonly #inFlight = new Map<RequestId, InFlight>();
  readonly #encoder = new TextEncoder();
  #lastId = 0;
  #closed = false;
  /** Called when the transport is closed. */
  onclose?: (() => void) | undefined;
  /** Called with what goes wrong beside any request. */
  onerror?: ((error: Error) => void) | undefined;
  /** Called with each message that came in. */
  onmessage?: Transport["onmessage"];

  /** Does nothing: requests come in by `fetch`. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends every exchange that is still without an answer. */
  close(): Promise<void> {
    this.#closed = true;
    for (const flight of this.#inFlight.values()) this.#end(flight);
    this.#inFlight.clear();
    this.onclose?.();
    return Promise.resolve();
  }

  /** Answers one HTTP request, on behalf of the caller that `authInfo` describes. */
  async fetch(request: Request, authInfo?: AuthInfo): Promise<Response> {
    if (request.method !== "POST") {
      await request.body?.cancel();
      return refuse(405, "Method not allowed: send each message by POST", { allow: "POST" });
    }
    const message = await readPost(request);
    if (message instanceof Response) return message;
    if ("method" in message && "id" in message) {
      return await this.#exchange(message, request, authInfo);
    }
    this.#receive(message, authInfo);
    return new Response(null, { status: 202 });
  }

  /** Sends an answer, or a notification that belongs to a request, to whoever sent the request. */
  send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (!("method" in message)) {
      this.#answer(message);
    } else if ("id" in message) {
      return Promise.reject(
        new Error(
          `Cannot send ${message.method} to the client as a stateless server has no connection ` +
            "to it: start the server with --stateful",
        ),
      );
    } else if (options?.relatedRequestId !== undefined) {
      const flight = this.#inFlight.get(options.relatedRequestId);
      if (flight !== undefined) this.#stream(flight, JSON.stringify(message));
    }
    return Promise.resolve();
  }

  #exchange(
    request: JSONRPCRequest,
    { headers, url }: Request,
    authInfo: AuthInfo | undefined,
  ): Promise<Response> {
    const receive = this.onmessage;
    if (receive === undefined || this.#closed) {
      return Promise.resolve(refuse(503, "Service unavailable: the server is not connected"));
    }
    const { promise, resolve: respond } = Promise.withResolvers<Response>();
    const id = ++this.#lastId;
    const caller = callerOf(request.params, authInfo);
    this.#inFlight.set(id, { id: request.id, caller, respond, stream: undefined });
    const requestInfo = { headers: Object.fromEntries(headers), url: new URL(url) };
    receive({ ...request, id }, { requestInfo, ...(authInfo && { authInfo }) });
    return promise;
  }

  #receive(message: JSONRPCMessage, authInfo: AuthInfo | undefined): void {
    // A response answers a request of ours, and this transport sends none.
    if (!("method" in message)) return;
    if (message.method !== "notifications/cancelled") return this.onmessage?.(message);
    const id = this.#cancel(message.params, callerOf(message.params, authInfo));
    if (id === undefined) return;
    this.onmessage?.({ ...message, params: { ...message.params, requestId: id } });
  }

  /**
   * Frees the one request in flight that has this id and comes from this caller. Ids are chosen by
   * clients, so without the caller anybody could cancel anybody's call.
   */
  #cancel(params: unknown, caller: string | undefined): RequestId | undefined {
    const requestId = member(params, "requestId");
    if (caller === undefined) return undefined;
    const matches = [...this.#inFlight].filter(([, flight]) =>
      flight.id === requestId && flight.caller === caller
    );
    const [match] = matches;
    if (match === undefined || matches.length > 1) return undefined;
    const [id, flight] = match;
    this.#inFlight.delete(id);
    this.#end(flight);
    return id;
  }

  #answer(message: JSONRPCMessage & { id?: RequestId | undefined }): void {
    if (message.id === undefined) return;
    const flight = this.#inFlight.get(message.id);
    if (flight === undefined) return;
    this.#inFlight.delete(message.id);
    const text = answerText({ ...message, id: flight.id });
    if (flight.stream === undefined) return flight.respond(jsonText(200, text));
    this.#stream(flight, text);
    this.#end(flight);
  }

  /** Sends a message on the request's event stream, and makes the answer one if it is not yet. */
  #stream(flight: InFlight, text: string): void {
    if (flight.stream === undefined) {
      const start = (controller: StreamController) => void (flight.stream = controller);
      flight.respond(eventStream(new ReadableStream({ start })));
    }
    try {
      flight.stream?.enqueue(
        this.#encoder.encode(`event: message\ndata: ${text}\n\n`),
      );
    } catch {
      // The client has gone. Its call goes on: a lost connection is no cancellation.
    }
  }

  /** Ends an exchange that has nothing more to say. */
  #end(flight: InFlight): void {
    if (flight.stream === undefined) return flight.respond(eventStream(null));
    try {
      flight.stream.close();
    } catch {
      // The client has closed it already.
    }
  }
}

/** Names the caller as far as one can be told from another: by principal, else by cookie. */
function callerOf(params: unknown, authInfo: AuthInfo | undefined): string | undefined {
  const owner = ownerOf(authInfo);
  if (owner !== null) return `owner ${owner}`;
  const presented = presentedCookie(params);
  return presented.kind === "id" ? `cookie ${presented.id}` : undefined;
}

/** Reads the message in a POST, or says how it is to be refused. */
export async function readPost(request: Request): Promise<JSONRPCMessage | Response> {
  const refusal = checkHeaders(request.headers);
  if (refusal !== undefined) {
    await request.body?.cancel();
    return refusal;
  }
  try {
    const body = await readBody(request);
    if (body === undefined) return refuse(413, tooLarge().message);
    const incoming = readMessage(body);
    return incoming.kind === "message"
      ? incoming.message
      : json(400, errorMessage(incoming.id, incoming.error));
  } catch {
    return refuse(400, "Bad request: the body ended before it was whole");
  }
}

/** What the specification asks of a POST's headers; the refusal if one is wrong. */
function checkHeaders(headers: Headers): Response | undefined {
  const accept = headers.get("accept") ?? "";
  if (!accept.includes("application/json") || !accept.includes("text/event-stream")) {
    return refuse(406, "Not acceptable: accept must list application/json and text/event-stream");
  }
  const type = (headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return refuse(415, "Unsupported media type: content-type must be application/json");
  }
  const version = headers.get("mcp-protocol-version");
  if (version !== null && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) {
    const supported = SUPPORTED_PROTOCOL_VERSIONS.join(", ");
    return refuse(400, `Unsupported MCP-Protocol-Version: this server speaks ${supported}`);
  }
  return undefined;
}

/** The body's bytes, or `undefined` if there are more than a message can have. */
async function readBody(request: Request): Promise<Uint8Array | undefined> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > MAX_MESSAGE_BYTES) {
    await request.body?.cancel();
    return undefined;
  }
  // A declared length is the server's to hold the body to; a body without one has to be counted.
  if (request.headers.has("content-length") || request.body === null) return await request.bytes();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const part of request.body) {
    length += part.length;
    if (length > MAX_MESSAGE_BYTES) return undefined;
    parts.push(part);
  }
  return await new Blob(parts).bytes();
}

function json(status: number, body: object): Response {
  return jsonText(status, JSON.stringify(body));
}

function jsonText(status: number, text: string): Response {
  return new Response(text, { status, headers: { "content-type": "application/json" } });
}

function eventStream(body: ReadableStream<Uint8Array> | null): Response {
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
  });
}

/** A refusal at the level of HTTP, with a JSON-RPC error that says why. */
export function refuse(
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  const body = { jsonrpc: "2.0", id: null, error: { code: TRANSPORT_ERROR, message } };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}
