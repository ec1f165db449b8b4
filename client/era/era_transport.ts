/**
 * The era transport: makes a server of either era a legacy one for the layers above.
 *
 * @module
 */

import { DISCOVER } from "../../protocol/era.ts";
import { asError } from "../../runtime/errors.ts";
import { within } from "../../runtime/time_limit.ts";
import { requestInFlight } from "../connection/in_flight.ts";
import {
  NeverSentError,
  OtherEraError,
  sendErrorKind,
  statusOf,
} from "../connection/send_errors.ts";
import type { ConnectTransport } from "../connection/reconnecting_transport.ts";
import { isRequest, isResponse } from "../../jsonrpc/transport.ts";
import type {
  JSONRPCMessage,
  JSONRPCRequest,
  JSONRPCResponse,
  LayeredTransport,
  MessageExtraInfo,
  Transport,
  TransportSendOptions,
} from "../sdk.ts";
import {
  type ClientFacts,
  toInitialized,
  toModernParams,
  withoutEnvelope,
} from "./legacy_terms.ts";
import { isModernRefusal, modernExchange } from "./modern_exchange.ts";
import { ModernServer } from "./modern_server.ts";

/** Deadline of `server/discover` before `initialize`: old servers may give no answer. */
const DISCOVER_MS = 3_000;
/** Deadline of `server/discover` once the server has refused `initialize`. */
const LAST_DISCOVER_MS = 10_000;

/** Statuses with which a modern server may answer `initialize`: 401 and others say nothing of its era. */
const REFUSAL_STATUSES: readonly (number | undefined)[] = [400, 404, 405];

export interface EraTransportOptions {
  /** The era in which a server of both is spoken to. */
  readonly prefers: "legacy" | "modern";
  /** Whether the client is told of what it has not asked for: changed lists and resources. */
  readonly listens: boolean;
}

interface Discovery {
  readonly id: string;
  /** Resolves with the answer, or `undefined` if there will be none. */
  readonly answer: PromiseWithResolvers<JSONRPCResponse | undefined>;
}

/** One connection to a server, in the era that it speaks. */
export class EraTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage, extra?: MessageExtraInfo) => void) | undefined;

  readonly #connect: ConnectTransport;
  readonly #options: EraTransportOptions;
  #inner: LayeredTransport | undefined;
  /** The `server/discover` that was sent last for the `initialize` at hand. */
  #discovery: Discovery | undefined;
  /** Whether nothing but `server/discover` has been sent: some old servers end at what they do not know. */
  #isProbing = false;
  #isLost = false;
  #isClosed = false;
  /** The `initialize` whose answer may be that of a modern server. */
  #initialize: JSONRPCRequest | undefined;
  #modern: ModernServer | undefined;

  /** @param connect Makes a transport that has not been started. */
  constructor(connect: ConnectTransport, options: EraTransportOptions) {
    this.#connect = connect;
    this.#options = options;
  }

  get sessionId(): string | undefined {
    return this.#inner?.sessionId;
  }

  setProtocolVersion(version: string): void {
    this.#inner?.setProtocolVersion?.(version);
  }

  async start(): Promise<void> {
    const inner = await this.#connect();
    inner.onmessage = (message, extra) => this.#receive(message, extra);
    inner.onerror = (error) => {
      if (this.#modern !== undefined) this.#modern.fail(error);
      // A refusal of `server/discover` is an answer.
      else if (modernExchange.getStore() === undefined) this.onerror?.(error);
    };
    inner.onclose = () => {
      if (inner !== this.#inner) return;
      this.#isLost = true;
      this.#end();
      if (!this.#isProbing) this.onclose?.();
    };
    this.#inner = inner;
    this.#isLost = false;
    this.#discovery = undefined;
    await inner.start();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isProbing = false;
    this.#end();
    await this.#inner?.close();
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (isRequest(message) && message.method === "initialize") {
      return await this.#negotiate(message, options);
    }
    try {
      if (this.#modern !== undefined) await this.#modern.send(message);
      else await this.#transport.send(withoutEnvelope(message), options);
    } catch (error) {
      throw this.#isOfOtherEra(error) ? new OtherEraError(error) : error;
    }
  }

  /** Whether the server, which has been restarted, does not speak the era of this connection any more. */
  #isOfOtherEra(error: unknown): error is Error {
    if (!(error instanceof Error) || statusOf(error) !== 400) return false;
    // A modern server answers by JSON-RPC errors, which are no failures of `send`.
    return this.#modern !== undefined || isModernRefusal(error.message);
  }

  /** Finds out the era of the server. The client's `initialize` is answered in the end. */
  async #negotiate(message: JSONRPCRequest, options?: TransportSendOptions): Promise<void> {
    // One that has failed says nothing of the server that is there now.
    this.#discovery = undefined;
    if (this.#options.prefers === "modern" && await this.#probe(message)) return;
    this.#initialize = message;
    try {
      await this.#transport.send(message, options);
    } catch (error) {
      this.#initialize = undefined;
      if (!REFUSAL_STATUSES.includes(statusOf(error))) throw error;
      if (!await this.#speakModern(message, LAST_DISCOVER_MS)) throw error;
    }
  }

  /** Asks for the modern era first. Whether the server speaks it; if it has ended, there is a new one. */
  async #probe(initialize: JSONRPCRequest): Promise<boolean> {
    this.#isProbing = true;
    try {
      if (await this.#speakModern(initialize, DISCOVER_MS)) return true;
      if (this.#isLost && !this.#isClosed) await this.start();
      return false;
    } finally {
      this.#isProbing = false;
    }
  }

  #receive(message: JSONRPCMessage, extra?: MessageExtraInfo): void {
    if (isResponse(message) && message.id !== undefined && message.id === this.#discovery?.id) {
      return this.#discovery.answer.resolve(message);
    }
    if (this.#modern !== undefined) return this.#modern.receive(message);
    const initialize = this.#initialize;
    if (initialize === undefined || !isResponse(message) || message.id !== initialize.id) {
      return this.onmessage?.(message, extra);
    }
    this.#initialize = undefined;
    if ("result" in message) return this.onmessage?.(message, extra);
    void this.#speakModern(initialize, LAST_DISCOVER_MS)
      .catch((error) => this.onerror?.(asError(error)))
      .then((isModern) => {
        if (isModern !== true) this.onmessage?.(message, extra);
      });
  }

  /**
   * Goes on in the modern era, if the server speaks it, and answers `initialize`. Whether it does.
   *
   * @throws {Error} If the server cannot be reached.
   */
  async #speakModern(initialize: JSONRPCRequest, ms: number): Promise<boolean> {
    const { clientInfo, capabilities, protocolVersion } = initialize.params ?? {};
    const facts: ClientFacts = { clientInfo, capabilities, logLevel: undefined };
    // Over HTTP, sending lasts until the server begins to answer.
    const answered = this.#discover(facts).then(({ answer }) => answer.promise);
    const response = await within(ms, answered);
    if (response === undefined || "error" in response) return false;
    const initialized = toInitialized(response.result, protocolVersion);
    if (initialized === undefined) return false;
    this.#modern = new ModernServer({
      transport: this.#transport,
      facts,
      initialized,
      listens: this.#options.listens,
      deliver: (message) => this.onmessage?.(message),
      onerror: (error) => this.onerror?.(error),
    });
    this.onmessage?.({ jsonrpc: "2.0", id: initialize.id, result: initialized });
    return true;
  }

  /** Sends `server/discover`, once for each `initialize`. */
  async #discover(facts: ClientFacts): Promise<Discovery> {
    if (this.#discovery !== undefined) return this.#discovery;
    const id = `discover:${crypto.randomUUID()}`;
    const discovery: Discovery = { id, answer: Promise.withResolvers() };
    this.#discovery = discovery;
    const params = toModernParams({}, facts);
    const request = { jsonrpc: "2.0", id, method: DISCOVER, params } as const;
    const { signal } = new AbortController();
    const http = { request, signal, paramHeaders: {}, isHttp: false };
    try {
      await modernExchange.run(
        http,
        () => requestInFlight.run(undefined, () => this.#transport.send(request)),
      );
    } catch (error) {
      if (sendErrorKind(error) === "unsent") throw error;
      // No modern server: what is wrong with it, the answer to `initialize` will tell.
      discovery.answer.resolve(undefined);
    }
    return discovery;
  }

  get #transport(): LayeredTransport {
    if (this.#inner === undefined) throw new NeverSentError("It has not been started");
    return this.#inner;
  }

  #end(): void {
    this.#discovery?.answer.resolve(undefined);
    this.#modern?.close();
  }
}
