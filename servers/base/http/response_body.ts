/**
 * Response bodies with backpressure: streams that are passed on as the client reads them, and the
 * large ones that wait for a client.
 *
 * @module
 */

import { CODE } from "../../../protocol/errors.ts";
import type { Lease, RequestLimits } from "./request_quota.ts";
import { CoalescedTimer } from "../../../runtime/coalesced_timer.ts";
import type { JSONRPCErrorResponse, RequestId } from "../sdk.ts";

/** A response up to this size costs no more than the connection that it waits on, in bytes. */
export const SMALL_RESPONSE_BYTES = 16 * 1024;

/** The most bytes passed on at once: a chunk that the server has taken may not be sent yet. */
const CHUNK_BYTES = 64 * 1024;

/** A comment in an event stream: clients ignore it, and sending it reveals a lost connection. */
export const KEEP_ALIVE: Uint8Array<ArrayBuffer> = new TextEncoder().encode(": keep-alive\n\n");

interface ReadEvents {
  onread?(): void;
  /** The last bytes were read, or the rest never will be. */
  onover(): void;
}

export class ResponseBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #source: ReadableStreamDefaultReader<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  readonly #watchers: ReadEvents[] = [];
  #readBytes = 0;
  #isOver = false;

  constructor(source: ReadableStream<Uint8Array>) {
    this.#source = source.getReader();
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pass(),
      cancel: (reason) => this.#stop(reason),
    }, { highWaterMark: 0 });
  }

  get readBytes(): number {
    return this.#readBytes;
  }

  /** Whether the last bytes were read, or the rest never will be. */
  get isOver(): boolean {
    return this.#isOver;
  }

  watch(events: ReadEvents): void {
    this.#watchers.push(events);
    if (this.#isOver) events.onover();
  }

  /** Keeps the connection of an event stream alive, unless the client has something to read. */
  keepAlive(): void {
    const isIdle = this.#rest.length === 0 && this.#controller.desiredSize === 0;
    if (isIdle && !this.#isOver) this.#controller.enqueue(KEEP_ALIVE);
  }

  /** Drops a response that is not read, and closes its connection. */
  drop(): void {
    const reason = new Error("The client does not read this response");
    this.#controller.error(reason);
    this.#stop(reason).catch(() => {});
  }

  async #pass(): Promise<void> {
    if (this.#rest.length === 0) {
      const { done, value } = await this.#source.read().catch((error) => {
        this.#over();
        throw error;
      });
      if (done) {
        this.#over();
        return this.#controller.close();
      }
      this.#rest = value;
    }
    const chunk = this.#rest.subarray(0, CHUNK_BYTES);
    this.#rest = this.#rest.subarray(CHUNK_BYTES);
    this.#readBytes += chunk.length;
    this.#controller.enqueue(chunk);
    for (const { onread } of this.#watchers) onread?.();
  }

  async #stop(reason: unknown): Promise<void> {
    this.#rest = new Uint8Array();
    this.#over();
    await this.#source.cancel(reason);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { onover } of this.#watchers) onover();
  }
}

export class UnreadResponses {
  readonly #waiting: CoalescedTimer<ResponseBody>;

  constructor({ answerMs }: Pick<RequestLimits, "answerMs">) {
    this.#waiting = new CoalescedTimer(answerMs, (body) => body.drop());
  }

  /** Releases a request's lease once its response has been read or dropped. */
  add(body: ResponseBody, lease: Lease): void {
    this.#waiting.begin(body);
    body.watch({
      onread: () => {
        this.#waiting.end(body);
        this.#waiting.begin(body);
      },
      onover: () => {
        this.#waiting.end(body);
        lease.release();
      },
    });
  }

  stop(): void {
    this.#waiting.stop();
  }
}

/** The error in place of a response that is over the quota of unread ones. */
export function unreadQuotaError(id: RequestId | undefined): JSONRPCErrorResponse {
  const message =
    "The call has run, but its response is lost: too many large responses wait to be read";
  return { jsonrpc: "2.0", id, error: { code: CODE.internalError, message } };
}
