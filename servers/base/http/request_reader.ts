/**
 * Reading the message in a POST, and refusing what is none in the terms of HTTP.
 *
 * @module
 */

import { partsOf } from "./request_body.ts";
import type { RequestLimits, Ticket } from "./request_quota.ts";
import { MAX_MESSAGE_BYTES } from "../../../jsonrpc/lines.ts";
import { tooLarge } from "../../../jsonrpc/message.ts";
import { errorMessage, readRequest, unsupportedVersion } from "../message_reader.ts";
import { CoalescedTimer } from "../coalesced_timer.ts";
import { discardBody, json, refuse, refuseForNow } from "./error_responses.ts";
import { type JSONRPCMessage, SUPPORTED_PROTOCOL_VERSIONS } from "../sdk.ts";

/** How much a body may have to be read in one go, which cannot be given up. */
const SMALL_BODY_BYTES = 8 * 1024;

/** What a POST can be answered with, as the server chooses. */
const ANSWER_TYPES = ["application/json", "text/event-stream"] as const;

/** Reads the messages that are sent to one endpoint. */
export class PostReader {
  readonly #reading: CoalescedTimer<(refusal: Response) => void>;
  #stopping = false;

  /** Takes limits that were checked. */
  constructor({ bodyMs }: Pick<RequestLimits, "bodyMs">) {
    const late = () => refuse(408, "Request timeout: the body took too long to come");
    this.#reading = new CoalescedTimer(bodyMs, (give) => give(late()));
  }

  /** The message in a POST, or how it is to be refused. */
  async read(request: Request, ticket: Ticket): Promise<JSONRPCMessage | Response> {
    const refusal = this.#stopping ? stopping() : checkHeaders(request.headers);
    if (refusal !== undefined) {
      await discardBody(request);
      return refusal;
    }
    const body = await this.#body(request, ticket);
    if (body instanceof Response) return body;
    const incoming = readRequest(body);
    if (incoming.kind === "message") {
      return checkVersion(request.headers, incoming.message) ?? incoming.message;
    }
    const { id, error } = incoming;
    // Nobody answers an answer, however broken it is.
    if (incoming.kind === "stray" && incoming.isResponse) {
      return new Response(null, { status: 202 });
    }
    return json(400, errorMessage(id, error));
  }

  /** Sends away those whose message is not there yet, and all who come from now on. */
  stop(): void {
    this.#stopping = true;
    for (const give of this.#reading) give(stopping());
    this.#reading.stop();
  }

  /** The body's bytes, unless they are too many, too slow, or not all there. */
  async #body(request: Request, ticket: Ticket): Promise<Uint8Array | Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | Response>();
    this.#reading.begin(resolve);
    bodyBytes(request, ticket, promise).then(resolve, reject);
    try {
      return await promise;
    } catch {
      return refuse(400, "Bad request: the body ended before it was whole");
    } finally {
      this.#reading.end(resolve);
    }
  }
}

function stopping(): Response {
  return refuseForNow("it is stopping");
}

/** The `Accept` that was last found to be enough: most are the same, and reading one takes long. */
let lastAccept: string | undefined;

/** What the specification asks of a POST's headers before its body; the refusal if one is wrong. */
function checkHeaders(headers: Headers): Response | undefined {
  const accept = headers.get("accept") ?? "";
  if (accept !== lastAccept) {
    if (!ANSWER_TYPES.every(acceptedTypes(accept))) {
      return refuse(406, `Not acceptable: accept must list ${ANSWER_TYPES.join(" and ")}`);
    }
    lastAccept = accept;
  }
  const type = (headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    return refuse(415, "Unsupported media type: content-type must be application/json");
  }
  return undefined;
}

/** Reads an `Accept`: which media types it takes, the nearest of its ranges deciding. */
function acceptedTypes(accept: string): (type: string) => boolean {
  const ranges = new Map<string, boolean>();
  let last = "";
  // Some clients part types by what parts parameters.
  for (const part of accept.toLowerCase().match(/[^\s,;"]+/g) ?? []) {
    if (part.includes("/")) ranges.set(last = part, true);
    else if (/^q=0(\.0*)?$/.test(part)) ranges.set(last, false);
  }
  return (type) =>
    ranges.get(type) ?? ranges.get(type.replace(/\/.*/, "/*")) ?? ranges.get("*/*") ?? false;
}

/** A POST whose headers were checked, with an `Accept` that a search for both types finds them in. */
export function listingTypes(request: Request): Request {
  const accept = request.headers.get("accept") ?? "";
  if (ANSWER_TYPES.every((type) => accept.includes(type))) return request;
  const headers = new Headers(request.headers);
  headers.set("accept", ANSWER_TYPES.join(", "));
  return new Request(request.url, { method: "POST", headers });
}

/** Holds a request to a version that is served. What it asks is known by then, and so is its id. */
export function checkVersion(headers: Headers, message?: JSONRPCMessage): Response | undefined {
  const version = headers.get("mcp-protocol-version");
  if (version === null || SUPPORTED_PROTOCOL_VERSIONS.includes(version)) return undefined;
  // An answer's id is that of a request of the server's own.
  const id = message !== undefined && "method" in message && "id" in message ? message.id : null;
  return json(400, errorMessage(id, unsupportedVersion(version)));
}

/** Reads a body, for as long as nobody has `given` another answer. */
async function bodyBytes(
  request: Request,
  ticket: Ticket,
  given: Promise<unknown>,
): Promise<Uint8Array | Response> {
  const declared = Number(request.headers.get("content-length") ?? NaN);
  if (declared <= SMALL_BODY_BYTES) {
    // To look at its body as a stream would take longer than to read it.
    return checkSize(declared, declared, ticket) ?? await request.bytes();
  }
  // A promise of much must not take others' room before it is kept.
  const refusal = checkSize(Number.isNaN(declared) ? 0 : declared, 0, ticket);
  if (refusal !== undefined) {
    await discardBody(request);
    return refusal;
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  if (request.body === null) return new Uint8Array();
  const body = partsOf(request.body);
  given.then(body.cancel, body.cancel);
  let whole = 0;
  for (let part; (part = await body.next()) !== undefined;) {
    whole += part.length;
    const refusal = checkSize(whole, part.length, ticket);
    if (refusal !== undefined) return refusal;
    parts.push(part);
  }
  return await new Blob(parts).bytes();
}

function checkSize(whole: number, added: number, ticket: Ticket): Response | undefined {
  if (whole > MAX_MESSAGE_BYTES) return refuse(413, tooLarge().message);
  if (!ticket.holdBody(added)) return refuseForNow("too much is being sent to it");
  return undefined;
}
