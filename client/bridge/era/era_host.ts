/**
 * The era host: makes a host of either era a legacy one for the relay. A host of the modern era has its
 * requests translated, one by one, and the answers back.
 *
 * @module
 */

import { cancelledId } from "../../../jsonrpc/message.ts";
import { EXTENSION } from "../../../protocol/capability.ts";
import {
  ASKING_METHODS,
  DISCOVER,
  type Envelope,
  isModern,
  LISTEN,
  LOG_LEVELS,
  META,
  readEnvelope,
} from "../../../protocol/era.ts";
import {
  checkMethod,
  type ModernRequest,
  toDiscovery,
  toModernError,
} from "../../../protocol/era_translation.ts";
import { CODE, WireError } from "../../../protocol/errors.ts";
import { wantsNotification } from "../../../protocol/notification_filter.ts";
import { member } from "../../../runtime/json.ts";
import { requestInFlight } from "../../connection/in_flight.ts";
import { isRequest, isResponse } from "../../../jsonrpc/transport.ts";
import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  RequestId,
} from "../../sdk.ts";
import { withoutExtension } from "../../session/capability.ts";
import type { Host } from "../host_connection.ts";
import { HostCall } from "./host_call.ts";
import { HostSubscriptions } from "./host_subscriptions.ts";
import { SuspendedCalls } from "./suspended_calls.ts";

/** The version that a modern host is taken for one of, where the server is of the legacy era. */
const LEGACY_VERSION = "2025-11-25";

/** By what the error of an `initialize` is translated. */
const NO_REQUEST: ModernRequest = {
  method: DISCOVER,
  tool: undefined,
  uri: undefined,
  knowsSessions: false,
  keys: [EXTENSION],
};

export class EraHost {
  /** Called with messages to the server that the host has not sent, but would in the legacy era. */
  onmessage: (message: JSONRPCMessage) => void = () => {};

  readonly #host: Host;
  readonly #prefix = `host:${crypto.randomUUID()}:`;
  #count = 0;
  /** Whether the host has begun by `initialize`. */
  #isLegacy = false;
  /** The result of the `initialize` in the name of a modern host. */
  #initialized: Record<string, unknown> | undefined;
  #initializeId: string | undefined;
  /** Requests that wait for that. */
  #waiting: { readonly request: JSONRPCRequest; readonly envelope: Envelope }[] = [];
  /** The index of the least severe log level that the server was asked for. */
  #level = LOG_LEVELS.length;
  readonly #calls = new Map<RequestId, HostCall>();
  readonly #suspended = new SuspendedCalls<HostCall>((call) => this.#giveUp(call));
  readonly #subscriptions: HostSubscriptions;

  constructor(host: Host) {
    this.#host = host;
    this.#subscriptions = new HostSubscriptions({
      send: (notification) => this.#give(notification),
      subscribe: (uri, isWanted) => {
        const method = isWanted ? "resources/subscribe" : "resources/unsubscribe";
        this.onmessage({ jsonrpc: "2.0", id: this.#newId(), method, params: { uri } });
      },
    });
  }

  /** The era of the host, as far as it is known. */
  get era(): "legacy" | "modern" {
    return this.#isLegacy || this.#initializeId === undefined ? "legacy" : "modern";
  }

  /** The host's messages in legacy terms, and their lengths, until its input ends. */
  async *messages(): AsyncGenerator<{ message: JSONRPCMessage; bytes: number }> {
    for await (const { message, bytes } of this.#host.messages()) {
      const translated = this.#fromHost(message);
      if (translated !== undefined) yield { message: translated, bytes };
    }
    this.#suspended.cancelAll();
    for (const id of this.#subscriptions.endAll()) this.#endSubscription(id);
  }

  /** Gives the host a message of the server, or an answer, in the host's terms. */
  async send(message: JSONRPCMessage): Promise<void> {
    if (isRequest(message) && !this.#isLegacy) return this.#ask(message);
    const translated = isResponse(message)
      ? this.#toResponse(message)
      : isRequest(message)
      ? message
      : this.#toNotification(message);
    if (translated !== undefined) await this.#host.send(translated);
  }

  /** Resolves when all that was given has been written, or the host is gone. */
  flushed(): Promise<void> {
    return this.#host.flushed();
  }

  #fromHost(message: JSONRPCMessage): JSONRPCMessage | undefined {
    if (isResponse(message)) return message;
    if (!isRequest(message)) return this.#fromNotification(message);
    if (isModern(message.method, message.params)) return this.#fromModern(message);
    if (message.method !== "initialize") return message;
    this.#isLegacy = true;
    if (this.#initialized === undefined) return message;
    // It has asked by `server/discover` first: the server is initialized, and may refuse another time.
    this.#give({ jsonrpc: "2.0", id: message.id, result: this.#initialized });
    return undefined;
  }

  #fromNotification(notification: JSONRPCNotification): JSONRPCMessage | undefined {
    const { method } = notification;
    if (method === "notifications/initialized" && this.#initialized !== undefined) return undefined;
    const cancelled = cancelledId(notification);
    if (cancelled === undefined) return notification;
    if (this.#subscriptions.end(cancelled)) return undefined;
    const waiting = this.#waiting.findIndex(({ request }) => request.id === cancelled);
    if (waiting >= 0) return void this.#waiting.splice(waiting, 1);
    const call = this.#callOf(cancelled);
    if (call === undefined) return notification;
    this.#calls.delete(call.id);
    return { ...notification, params: { ...notification.params, requestId: call.id } };
  }

  /** The legacy request for a modern one, unless it is answered here or has to wait. */
  #fromModern(request: JSONRPCRequest): JSONRPCMessage | undefined {
    const { id, method, params = {} } = request;
    try {
      this.#checkId(id);
      const envelope = readEnvelope(params);
      checkMethod(method);
      if (this.#initialized !== undefined) return this.#begin(request, envelope);
      this.#waiting.push({ request, envelope });
      return this.#initializeId === undefined ? this.#initialize(envelope) : undefined;
    } catch (error) {
      return void this.#refuse(id, error);
    }
  }

  /** The `initialize` in the name of the host. */
  #initialize({ clientInfo, clientCapabilities }: Envelope): JSONRPCRequest {
    const params = {
      protocolVersion: LEGACY_VERSION,
      clientInfo: clientInfo ?? { name: "unknown", version: "" },
      capabilities: withoutExtension(clientCapabilities),
    };
    this.#initializeId = this.#newId();
    return { jsonrpc: "2.0", id: this.#initializeId, method: "initialize", params };
  }

  #toInitialized(response: JSONRPCResponse): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if ("error" in response) {
      // The next request tries again.
      this.#initializeId = undefined;
      const error = toModernError(response.error, NO_REQUEST);
      for (const { request: { id } } of waiting) this.#give({ jsonrpc: "2.0", id, error });
      return;
    }
    this.#initialized = response.result;
    if (!this.#isLegacy) this.onmessage({ jsonrpc: "2.0", method: "notifications/initialized" });
    for (const { request, envelope } of waiting) {
      try {
        const message = this.#begin(request, envelope);
        if (message !== undefined) this.onmessage(message);
      } catch (error) {
        this.#refuse(request.id, error);
      }
    }
  }

  /** @throws {WireError} If the host's request cannot be taken. */
  #begin(request: JSONRPCRequest, envelope: Envelope): JSONRPCMessage | undefined {
    const { id: hostId, method, params = {} } = request;
    if (method === LISTEN) {
      this.#subscriptions.add(hostId, params, this.#initialized?.capabilities);
      return undefined;
    }
    if (ASKING_METHODS.has(method) && params.requestState !== undefined) {
      return this.#resume(request, envelope);
    }
    const call = new HostCall(this.#newId(), request, envelope);
    this.#calls.set(call.id, call);
    this.#lowerLevel(envelope);
    if (method !== DISCOVER) return call.legacy;
    const result = toDiscovery(this.#initialized ?? {});
    this.#give(this.#answer(call, hostId, { jsonrpc: "2.0", id: call.id, result }));
    return undefined;
  }

  /** Has a legacy server send all that one of the requests wants; the others' is filtered here. */
  #lowerLevel({ logLevel }: Envelope): void {
    const hasLog = member(this.#initialized?.capabilities, "logging") !== undefined;
    const level = logLevel === undefined ? -1 : LOG_LEVELS.indexOf(logLevel);
    if (!hasLog || level < 0 || level >= this.#level) return;
    this.#level = level;
    const params = { level: logLevel };
    this.onmessage({ jsonrpc: "2.0", id: this.#newId(), method: "logging/setLevel", params });
  }

  /** Goes on with a call that waits for the host's answers. */
  #resume(request: JSONRPCRequest, envelope: Envelope): undefined {
    const { id, params } = request;
    const call = this.#suspended.take(params?.requestState, request);
    call.resume(request, envelope);
    if (call.response !== undefined) {
      return void this.#give(this.#answer(call, id, call.response));
    }
    for (const answer of call.questions.take(params?.inputResponses)) {
      this.onmessage({ jsonrpc: "2.0", ...answer });
    }
    if (call.questions.size > 0) this.#give(this.#suspend(call, id));
  }

  #toResponse(response: JSONRPCResponse): JSONRPCMessage | undefined {
    const { id } = response;
    if (id !== undefined && id === this.#initializeId) return void this.#toInitialized(response);
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (call === undefined) {
      // That of a request of its own.
      return typeof id === "string" && id.startsWith(this.#prefix) ? undefined : response;
    }
    if (call.hostId !== undefined) return this.#answer(call, call.hostId, response);
    call.response = response;
    return undefined;
  }

  #answer(call: HostCall, id: RequestId, response: JSONRPCResponse): JSONRPCResponse {
    this.#calls.delete(call.id);
    return call.answer(id, response, this.#initialized?.serverInfo);
  }

  /** A question of the server: a modern host gets it as the answer to one of its requests. */
  #ask(question: JSONRPCRequest): void {
    const { id, method } = question;
    if (method === "ping") return this.onmessage({ jsonrpc: "2.0", id, result: {} });
    const call = this.#askedBy(question);
    if (call === undefined) {
      const message = `Method not found: ${method} can be asked only within a call, and of a ` +
        "client that has declared the capability";
      const error = { code: CODE.methodNotFound, message };
      return this.onmessage({ jsonrpc: "2.0", id, error });
    }
    call.questions.add(question);
    // Questions that come together are asked together.
    queueMicrotask(() => {
      const { hostId } = call;
      const isPending = this.#calls.get(call.id) === call && hostId !== undefined;
      if (isPending && call.questions.size > 0) this.#give(this.#suspend(call, hostId));
    });
  }

  /** The call that a question came in; over stdio, where that is not told, the latest that can ask. */
  #askedBy({ method }: JSONRPCRequest): HostCall | undefined {
    const related = this.#calls.get(requestInFlight.getStore()?.id ?? "");
    if (related !== undefined) return related.canAsk(method) ? related : undefined;
    return [...this.#calls.values()].findLast((call) => call.canAsk(method));
  }

  /** The answer to one round of a call by which the host is asked. */
  #suspend(call: HostCall, id: RequestId): JSONRPCResponse {
    call.hostId = undefined;
    const result = {
      resultType: "input_required",
      inputRequests: call.questions.requests(),
      requestState: this.#suspended.add(call),
    };
    return { jsonrpc: "2.0", id, result };
  }

  #toNotification(notification: JSONRPCNotification): JSONRPCMessage | undefined {
    this.#subscriptions.pass(notification);
    if (this.#isLegacy) return notification;
    const calls = [...this.#calls.values()].filter(({ hostId }) => hostId !== undefined);
    switch (notification.method) {
      case "notifications/cancelled": {
        const id = cancelledId(notification);
        if (id !== undefined) {
          for (const call of this.#calls.values()) {
            call.questions.remove(id);
          }
        }
        return undefined;
      }
      case "notifications/message":
        return calls.some(({ envelope }) => wantsNotification(notification, envelope))
          ? notification
          : undefined;
      case "notifications/progress":
        return calls.map((call) => call.progress(notification)).find((it) => it !== undefined);
      default:
        return undefined;
    }
  }

  #endSubscription(id: RequestId): void {
    const result = { resultType: "complete", _meta: { [META.subscriptionId]: id } };
    this.#give({ jsonrpc: "2.0", id, result });
  }

  #giveUp(call: HostCall): void {
    this.#calls.delete(call.id);
    if (call.response !== undefined) return;
    const params = { requestId: call.id, reason: "The client has not gone on with it" };
    this.onmessage({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  }

  #callOf(hostId: RequestId): HostCall | undefined {
    return this.#calls.values().find((call) => call.hostId === hostId);
  }

  /** @throws {WireError} If a request with this id is pending. */
  #checkId(id: RequestId): void {
    const isPending = this.#callOf(id) !== undefined || this.#subscriptions.has(id) ||
      this.#waiting.some(({ request }) => request.id === id);
    if (!isPending) return;
    const text = "Invalid request: a request with this id has not been answered yet";
    throw new WireError(CODE.invalidRequest, text);
  }

  #refuse(id: RequestId, error: unknown): void {
    if (!(error instanceof WireError)) throw error;
    const { code, message, data } = error;
    this.#give({
      jsonrpc: "2.0",
      id,
      error: { code, message, ...(data !== undefined && { data }) },
    });
  }

  /** The relay notices a host that is gone by what it sends itself. */
  #give(message: JSONRPCMessage): void {
    this.#host.send(message).catch(() => {});
  }

  #newId(): string {
    return `${this.#prefix}${++this.#count}`;
  }
}
