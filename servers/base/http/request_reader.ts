/**
 * The reader of requests: from a POST to its JSON-RPC message, or to an error response.
 *
 * @module
 */

import { partsOf } from "./request_body.ts";
import type { Lease, RequestLimits } from "./request_quota.ts";
import { MAX_MESSAGE_BYTES } from "../../../jsonrpc/lines.ts";
import { tooLarge } from "../../../jsonrpc/message.ts";
import { readRequest } from "../message_reader.ts";
import { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import {
  acceptedResponse,
  errorResponse,
  messageRefused,
  respondUnread,
  unavailable,
} from "./error_responses.ts";
import { checkMediaTypes } from "./header_checks.ts";
import { checkProtocolVersion } from "./protocol_version.ts";
import type { ServedEras } from "../era/era_transport.ts";
import type { JSONRPCMessage } from "../sdk.ts";

/** The largest body that is read in one go, which cannot be abandoned half-way. */
const SMALL_BODY_BYTES = 8 * 1024;

export class RequestReader {
  /** Requests whose body is being read, by the function that responds in place of the message. */
  readonly #reading: CoalescedTimer<(refusal: Response) => void>;
  #isStopping = false;

  constructor({ bodyMs }: Pick<RequestLimits, "bodyMs">) {
    const timeout = () => errorResponse(408, "Request timeout: the body took too long to come");
    this.#reading = new CoalescedTimer(bodyMs, (refuse) => refuse(timeout()));
  }

  async read(
    request: Request,
    eras: ServedEras,
    lease: Lease,
  ): Promise<JSONRPCMessage | Response> {
    const refusal = this.#isStopping ? stopping() : checkMediaTypes(request.headers);
    if (refusal !== undefined) return await respondUnread(request, refusal);
    const body = await this.#body(request, lease);
    if (body instanceof Response) return body;
    const incoming = readRequest(body);
    if (incoming.kind === "message") {
      return checkProtocolVersion(request.headers, eras, incoming.message) ?? incoming.message;
    }
    const { id, error } = incoming;
    // A malformed JSON-RPC response gets no response of its own.
    if (incoming.kind === "stray" && incoming.isResponse) {
      return acceptedResponse();
    }
    return messageRefused(id, error);
  }

  /** Refuses all requests from now on, and those whose body is still being read. */
  stop(): void {
    this.#isStopping = true;
    for (const refuse of this.#reading) refuse(stopping());
    this.#reading.stop();
  }

  async #body(request: Request, lease: Lease): Promise<Uint8Array | Response> {
    const { promise, resolve } = Promise.withResolvers<Uint8Array | Response>();
    const cutOff = () => errorResponse(400, "Bad request: the body ended before it was whole");
    this.#reading.begin(resolve);
    bodyBytes(request, lease, promise).then(resolve, () => resolve(cutOff()));
    const body = await promise;
    this.#reading.end(resolve);
    return body;
  }
}

function stopping(): Response {
  return unavailable("it is stopping");
}

/** Reads a body, until `settled` has another outcome. */
function bodyBytes(
  request: Request,
  lease: Lease,
  settled: Promise<unknown>,
): Promise<Uint8Array | Response> {
  const declared = Number(request.headers.get("content-length") ?? NaN);
  if (!(declared <= SMALL_BODY_BYTES)) return largeBodyBytes(request, declared, lease, settled);
  // Streaming a small body takes longer than reading it.
  const refusal = checkSize(declared, declared, lease);
  return refusal === undefined ? request.bytes() : Promise.resolve(refusal);
}

async function largeBodyBytes(
  request: Request,
  declared: number,
  lease: Lease,
  settled: Promise<unknown>,
): Promise<Uint8Array | Response> {
  // A declared length takes no quota until the bytes come.
  const refusal = checkSize(Number.isNaN(declared) ? 0 : declared, 0, lease);
  if (refusal !== undefined) return await respondUnread(request, refusal);
  if (request.body === null) return new Uint8Array();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const body = partsOf(request.body);
  settled.then(body.cancel, body.cancel);
  let size = 0;
  for (let part; (part = await body.next()) !== undefined;) {
    size += part.length;
    const refusal = checkSize(size, part.length, lease);
    if (refusal !== undefined) return refusal;
    parts.push(part);
  }
  return await new Blob(parts).bytes();
}

function checkSize(size: number, added: number, lease: Lease): Response | undefined {
  if (size > MAX_MESSAGE_BYTES) return errorResponse(413, tooLarge().message);
  if (!lease.reserveBody(added)) return unavailable("too much is being sent to it");
  return undefined;
}
