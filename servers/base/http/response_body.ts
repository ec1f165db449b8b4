/**
 * The body of an answer that may have to wait for its reader, and what becomes of large ones then.
 *
 * @module
 */

import { CODE } from "../../../protocol/errors.ts";
import type { RequestLimits, Ticket } from "./request_quota.ts";
import { CoalescedTimer } from "../coalesced_timer.ts";
import type { JSONRPCErrorResponse, RequestId } from "../sdk.ts";

/** An answer of up to so many bytes costs no more than the connection that it waits on. */
export const SMALL_ANSWER_BYTES = 16 * 1024;

/** How much a reader is given at once: one who takes it has not sent it yet, in bytes. */
const PIECE_BYTES = 64 * 1024;

/** A comment in an event stream: clients ignore it, and it cannot be sent to one that is gone. */
export const KEEP_ALIVE: Uint8Array<ArrayBuffer> = new TextEncoder().encode(": keep-alive\n\n");

/** Who is told how a body is read. */
interface ReadEvents {
  /** Some of it has been taken. */
  onread(): void;
  /** All of it has been taken, or the rest never will be. */
  onover(): void;
}

/** A stream that is passed on as its reader asks for it, so that it is known how it is read. */
export class AnswerBody {
  /** What the reader is given. */
  readonly stream: ReadableStream<Uint8Array>;
  readonly #from: ReadableStreamDefaultReader<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();
  readonly #watchers: ReadEvents[] = [];
  #readBytes = 0;
  #isOver = false;

  /** Passes on `from`. */
  constructor(from: ReadableStream<Uint8Array>) {
    this.#from = from.getReader();
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pass(),
      cancel: (reason) => this.#stop(reason),
    }, { highWaterMark: 0 });
  }

  /** How much has been taken so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Tells `events` from now on how it is read. */
  watch(events: ReadEvents): void {
    this.#watchers.push(events);
    if (this.#isOver) events.onover();
  }

  /** Shows that an event stream is in use, unless something waits for its reader already. */
  keepAlive(): void {
    const isIdle = this.#rest.length === 0 && this.#controller.desiredSize === 0;
    if (isIdle && !this.#isOver) this.#controller.enqueue(KEEP_ALIVE);
  }

  /** Ends it as nobody reads it: its connection is closed. */
  breakOff(): void {
    const why = new Error("Nobody reads this answer");
    this.#controller.error(why);
    this.#stop(why).catch(() => {});
  }

  async #pass(): Promise<void> {
    if (this.#rest.length === 0) {
      const { done, value } = await this.#from.read().catch((error) => {
        this.#over();
        throw error;
      });
      if (done) {
        this.#over();
        return this.#controller.close();
      }
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, PIECE_BYTES);
    this.#rest = this.#rest.subarray(PIECE_BYTES);
    this.#readBytes += piece.length;
    this.#controller.enqueue(piece);
    for (const { onread } of this.#watchers) onread();
  }

  async #stop(reason: unknown): Promise<void> {
    this.#rest = new Uint8Array();
    this.#over();
    await this.#from.cancel(reason);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { onover } of this.#watchers) onover();
  }
}

/** The large answers that wait to be read. */
export class UnreadAnswers {
  readonly #waiting: CoalescedTimer<AnswerBody>;

  /** Takes limits that were checked. */
  constructor({ answerMs }: Pick<RequestLimits, "answerMs">) {
    this.#waiting = new CoalescedTimer(answerMs, (body) => body.breakOff());
  }

  /** Ends a request's part of the load once its answer has been read. */
  wait(body: AnswerBody, ticket: Ticket): void {
    this.#waiting.begin(body);
    body.watch({
      onread: () => {
        this.#waiting.end(body);
        this.#waiting.begin(body);
      },
      onover: () => {
        this.#waiting.end(body);
        ticket.end();
      },
    });
  }

  /** Breaks nothing off any more. */
  stop(): void {
    this.#waiting.stop();
  }
}

/** The answer in the place of one that would have to wait with too many others. */
export function tooMuchUnread(id: RequestId | undefined): JSONRPCErrorResponse {
  const message = "The call has run, but its answer is lost: too many large ones wait to be read";
  return { jsonrpc: "2.0", id, error: { code: CODE.internalError, message } };
}
