/**
 * Reading the message in a POST, and refusing what is none in the terms of HTTP.
 *
 * @module
 */

import type { RequestLimits, Ticket } from "./load.ts";
import { errorMessage, MAX_MESSAGE_BYTES, readMessage, tooLarge } from "./message.ts";
import { Overdue } from "./overdue.ts";
import { json, refuse, refuseForNow } from "./refuse.ts";
import { type JSONRPCMessage, SUPPORTED_PROTOCOL_VERSIONS } from "./sdk.ts";

const SMALL_BODY_BYTES = 64 * 1024;

/** Reads the messages that are sent to one endpoint. */
export class PostReader {
  readonly #slow: Overdue<(late: Response) => void>;

  /** Takes limits that were checked. */
  constructor({ bodyMs }: Pick<RequestLimits, "bodyMs">) {
    const late = () => refuse(408, "Request timeout: the body took too long to come");
    this.#slow = new Overdue(bodyMs, (stop) => stop(late()));
  }

  /** The message in a POST, or how it is to be refused. */
  async read(request: Request, ticket: Ticket): Promise<JSONRPCMessage | Response> {
    const refusal = checkHeaders(request.headers);
    if (refusal !== undefined) {
      await request.body?.cancel();
      return refusal;
    }
    const body = await this.#body(request, ticket);
    if (body instanceof Response) return body;
    const incoming = readMessage(body);
    return incoming.kind === "message"
      ? incoming.message
      : json(400, errorMessage(incoming.id, incoming.error));
  }

  /** The body's bytes, unless they are too many, too slow, or not all there. */
  async #body(request: Request, ticket: Ticket): Promise<Uint8Array | Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | Response>();
    this.#slow.begin(resolve);
    bodyBytes(request, ticket).then(resolve, reject);
    try {
      return await promise;
    } catch {
      return refuse(400, "Bad request: the body ended before it was whole");
    } finally {
      this.#slow.end(resolve);
    }
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

async function bodyBytes(request: Request, ticket: Ticket): Promise<Uint8Array | Response> {
  const { body, headers } = request;
  if (body === null) return new Uint8Array();
  const declared = Number(headers.get("content-length") ?? Infinity);
  // What is declared is only counted if it is little: a promise of much must not take others' room.
  const counted = declared <= SMALL_BODY_BYTES ? declared : 0;
  const refusal = checkSize(Number.isFinite(declared) ? declared : 0, counted, ticket);
  if (refusal !== undefined) {
    await body.cancel();
    return refusal;
  }
  if (counted > 0) return await request.bytes();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let whole = 0;
  for await (const part of body) {
    whole += part.length;
    const refusal = checkSize(whole, part.length, ticket);
    if (refusal !== undefined) return refusal;
    parts.push(part);
  }
  return await new Blob(parts).bytes();
}

function checkSize(whole: number, added: number, ticket: Ticket): Response | undefined {
  if (whole > MAX_MESSAGE_BYTES) return refuse(413, tooLarge().message);
  if (!ticket.hold(added)) return refuseForNow("too much is being sent to it");
  return undefined;
}
