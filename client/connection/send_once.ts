/**
 * A fetch that sends a request once.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { NeverSentError } from "./send_errors.ts";
import { type Flight, sending } from "./in_flight.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Deno's `fetch`, but a request is sent once at most. Deno's own sends a request again by itself
 * when a connection that it kept open breaks under it, although the server may have acted on it
 * already. Give this one to the SDK's transport:
 * `new StreamableHTTPClientTransport(url, { fetch: sendOnce })`.
 *
 * Every request has a connection of its own, so it is also known whether a failed one can have
 * reached the server: only with this fetch does {@linkcode withSession} send again what was never
 * sent, and end a call at once whose answer stream ends without the answer.
 *
 * @throws {TypeError} As `fetch` does, if there is no answer.
 */
export function sendOnce(url: string | URL, init?: RequestInit): Promise<Response> {
  return sendPaced(url, init);
}

/** {@linkcode sendOnce}, but what comes back is taken only when `room` has resolved. */
export async function sendPaced(
  url: string | URL,
  init: RequestInit | undefined,
  room?: () => Promise<void>,
): Promise<Response> {
  // Without a pool there is no connection to be found broken: that is when Deno sends twice.
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  let response: Response;
  try {
    response = await fetch(url, { ...init, client });
  } catch (error) {
    // Deno names the phase in which its HTTP client failed; connecting comes before any byte.
    const why = error instanceof TypeError && error.cause instanceof Error && error.cause.message;
    if (!why || !why.includes("client error (Connect)")) throw error;
    throw new NeverSentError(why, { cause: error });
  }
  const flight = sending.getStore();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  let { body } = response;
  if (body !== null && room !== undefined) body = body.pipeThrough(paced(room));
  // Pacing comes first: a stream is over when it has been read.
  if (body !== null && isStream && flight !== undefined) body = body.pipeThrough(watched(flight));
  return body === response.body ? response : new Response(body, response);
}

/** Passes a stream on, a piece at a time as there is room. */
function paced(room: () => Promise<void>): TransformStream<Bytes, Bytes> {
  return new TransformStream({
    transform: async (piece, stream) => {
      await room();
      stream.enqueue(piece);
    },
  });
}

/** Passes a stream on, and tells when it is over and has been read. */
function watched(flight: Flight): TransformStream<Bytes, Bytes> {
  return new TransformStream({
    // The SDK parses in a chain of streams that needs no timer: a task later it is through. No
    // timer does that, for it would outlive a client that is closed within its millisecond.
    flush: () => void setImmediate(() => flight.streamEnded()),
  });
}
