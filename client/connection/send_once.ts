/**
 * A fetch that sends each request at most once, and one with backpressure besides.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { messageOf } from "../../runtime/errors.ts";
import { member } from "../../runtime/json.ts";
import { isDeno } from "../../runtime/deno_version.ts";
import { NeverSentError } from "./send_errors.ts";
import { type InFlightRequest, requestInFlight } from "./in_flight.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * `fetch`, but each request is sent at most once. Deno's own retries a request by itself when a
 * kept-open connection breaks, although the server may have acted on it already. Give this one to
 * the SDK's transport: `new StreamableHTTPClientTransport(url, { fetch: sendOnce })`.
 *
 * Each request has its own connection, so a failed one is known to have reached the server or not:
 * only with this fetch does {@linkcode withSession} retry what was never sent, and end a call at once
 * when its answer stream ends without the answer.
 *
 * @throws {TypeError} As `fetch` does, if there is no answer.
 */
export function sendOnce(url: string | URL, init?: RequestInit): Promise<Response> {
  return sendPaced(url, init);
}

/** {@linkcode sendOnce} with backpressure: each chunk of the answer waits for `room` to resolve. */
export async function sendPaced(
  url: string | URL,
  init: RequestInit | undefined,
  room?: () => Promise<void>,
): Promise<Response> {
  const response = await (isDeno ? sendInDeno(url, init) : sendElsewhere(url, init));
  const request = requestInFlight.getStore();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  let { body } = response;
  if (body !== null && room !== undefined) body = body.pipeThrough(paced(room));
  // Pacing comes first: a stream ends when it has been read.
  if (body !== null && isStream && request !== undefined) body = body.pipeThrough(watched(request));
  return body === response.body ? response : new Response(body, response);
}

async function sendInDeno(url: string | URL, init?: RequestInit): Promise<Response> {
  // Deno retries on pooled connections only.
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  try {
    return await fetch(url, { ...init, client });
  } catch (error) {
    // Deno names the phase that failed; connecting comes before any byte of the request.
    const why = error instanceof TypeError && error.cause instanceof Error && error.cause.message;
    if (!why || !why.includes("client error (Connect)")) throw error;
    throw new NeverSentError(why, { cause: error });
  }
}

/** The codes of failures before any byte of the request. Bun has them in the error, Node in its cause. */
const NO_CONNECTION: readonly unknown[] = [
  "ECONNREFUSED",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "UND_ERR_CONNECT_TIMEOUT",
];

/** Node and Bun: they too may retry on a pooled connection only. */
async function sendElsewhere(url: string | URL, init?: RequestInit): Promise<Response> {
  const headers = new Headers(init?.headers);
  headers.set("connection", "close");
  try {
    return await fetch(url, { ...init, headers, keepalive: false });
  } catch (error) {
    const code = member(error, "code") ?? member(member(error, "cause"), "code");
    if (!NO_CONNECTION.includes(code)) throw error;
    throw new NeverSentError(`${messageOf(error)} (${code})`, { cause: error });
  }
}

/** Passes a stream on, one chunk at a time as there is room. */
function paced(room: () => Promise<void>): TransformStream<Bytes, Bytes> {
  return new TransformStream({
    transform: async (chunk, stream) => {
      await room();
      stream.enqueue(chunk);
    },
  });
}

/** Passes a stream on, and tells the request when the stream has ended and been read. */
function watched(request: InFlightRequest): TransformStream<Bytes, Bytes> {
  return new TransformStream({
    // The SDK parses in a chain of streams without a timer, done a task later. A timer here would
    // outlive a client that is closed within its millisecond.
    flush: () => void setImmediate(() => request.streamEnded()),
  });
}
