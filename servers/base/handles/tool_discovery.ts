/**
 * Tool discovery: a layer's own `tools/list` requests to the server behind it, beside those of its callers.
 *
 * @module
 */

import { within } from "../../../runtime/time_limit.ts";
import { allTools } from "../../../handles/tool_pages.ts";
import type { JSONRPCRequest, JSONRPCResponse, MessageExtraInfo, RequestId } from "../sdk.ts";

type Send = (request: JSONRPCRequest, extra: MessageExtraInfo | undefined) => void;
type Learn = (tools: readonly unknown[], haveChanged: boolean) => void;

// A server that does not answer is taken as it was seen. An answer that comes later still counts.
const DISCOVERY_MS = 5_000;
// A server whose tools change whenever they are listed is taken as it last was.
const MAX_TRIES = 3;

export class ToolDiscovery {
  readonly #send: Send;
  readonly #learn: Learn;
  readonly #prefix = `tools:${crypto.randomUUID()}:`;
  readonly #pending = new Map<RequestId, (result: unknown) => void>();
  #lastId = 0;
  #lastNumber = 0;
  /** Number of the latest discovery that has succeeded. */
  #learned = 0;
  #haveChanged = false;
  /** The discovery that holds until the tools change. Never rejects. */
  #current: Promise<void> | undefined;

  constructor(send: Send, learn: Learn) {
    this.#send = send;
    this.#learn = learn;
  }

  get hasLearned(): boolean {
    return this.#learned > 0;
  }

  /** Whether the tools are known, and nothing says that they have changed. */
  get isCurrent(): boolean {
    return this.hasLearned && !this.#haveChanged;
  }

  isPending(id: RequestId): boolean {
    return this.#pending.has(id);
  }

  /** Resolves when the tools are known; if need be, they are listed on behalf of this caller. */
  async discovered(extra: MessageExtraInfo | undefined): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const discovery = this.#current ??= this.#begin(extra);
      await discovery;
      if (this.#current === discovery) return;
    }
  }

  async rediscover(extra: MessageExtraInfo | undefined): Promise<void> {
    this.#current = undefined;
    await this.discovered(extra);
  }

  invalidate(): void {
    this.#haveChanged = true;
    this.#current = undefined;
  }

  /** Takes the response to a request of its own; `false` for any other. */
  takeResponse(response: JSONRPCResponse): boolean {
    const { id } = response;
    const resolve = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || resolve === undefined) return false;
    this.#pending.delete(id);
    resolve("result" in response ? response.result : undefined);
    return true;
  }

  stop(): void {
    for (const resolve of this.#pending.values()) resolve(undefined);
    this.#pending.clear();
  }

  #begin(extra: MessageExtraInfo | undefined): Promise<void> {
    const number = ++this.#lastNumber;
    const learned = allTools((params) => this.#request(params, extra)).then((tools) => {
      // Good even if they have changed meanwhile: tools that always do are known in no other way.
      if (tools === undefined || number < this.#learned) return;
      this.#learned = number;
      const haveChanged = this.#haveChanged;
      if (this.#current === discovery) this.#haveChanged = false;
      this.#learn(tools, haveChanged);
    }).catch(() => {/* Tools that cannot be read are taken as tools that are not listed. */});
    const discovery: Promise<void> = within(DISCOVERY_MS, learned);
    return discovery;
  }

  #request(params: Record<string, unknown>, extra: MessageExtraInfo | undefined): Promise<unknown> {
    const id = `${this.#prefix}${++this.#lastId}`;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#pending.set(id, resolve);
    this.#send({ jsonrpc: "2.0", id, method: "tools/list", params }, extra);
    return promise;
  }
}
