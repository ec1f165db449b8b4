/**
 * A session layer in the test's own process, with a function as its tool, a store in memory and a clock
 * that stands still.
 */

import {
  type AuthInfo,
  type JSONRPCMessage,
  sessionLayer,
  type SessionLayerOptions,
  type Transport,
} from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { record } from "../store/stores.ts";

/** The initial time of the clock. */
export const NOW = 1_800_000_000_000;

/** Options of a call beside its cookie. */
interface CallOptions {
  /** The caller, if it is authenticated. */
  readonly authInfo?: AuthInfo | undefined;
  /** Further members of `_meta`. */
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** A server that runs `tool` for each call, with a session for the calls. */
export async function serving(
  tool: () => Promise<object>,
  options: Omit<SessionLayerOptions, "store" | "now"> = {},
) {
  const { ttlMs = 60_000 } = options;
  const clock = { now: NOW };
  const renewals: (() => void)[] = [];
  class Watched extends MemoryStore {
    override transact: MemoryStore["transact"] = async (id, transaction) => {
      const done = await super.transact(id, transaction);
      renewals.shift()?.();
      return done;
    };
  }
  const store = new Watched({ now: () => clock.now });
  await store.create(record("sess-1", { ttlMs, expiresAt: NOW + ttlMs }));
  const waiting = new Map<unknown, (message: JSONRPCMessage) => void>();
  const wire: Transport = {
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
    send(message) {
      if ("id" in message) waiting.get(message.id)?.(message);
      return Promise.resolve();
    },
  };
  const layer = sessionLayer(wire, { store, now: () => clock.now, ...options });
  const errors: Error[] = [];
  layer.onerror = (error) => errors.push(error);
  layer.onmessage = (message) => {
    if (!("id" in message) || message.id === undefined) return;
    const { id } = message;
    void tool().then(
      (result) => layer.send({ jsonrpc: "2.0", id, result: { ...result } }),
      () => layer.send({ jsonrpc: "2.0", id, result: { content: [], isError: true } }),
    );
  };
  let lastId = 0;
  const call = (cookie: unknown = { id: "sess-1" }, { authInfo, meta }: CallOptions = {}) => {
    const { promise, resolve } = Promise.withResolvers<JSONRPCMessage>();
    waiting.set(++lastId, resolve);
    const params = { name: "tool", _meta: { ...meta, "mcp/session": cookie } };
    const extra = authInfo === undefined ? {} : { authInfo };
    wire.onmessage?.({ jsonrpc: "2.0", id: lastId, method: "tools/call", params }, extra);
    return promise;
  };
  const cancel = () => {
    const params = { requestId: lastId };
    wire.onmessage?.({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  };
  return {
    clock,
    store,
    /** The errors that the layer reported. */
    errors,
    call,
    cancel,
    /** Resolves after so many writes to the store. */
    written: (times: number) =>
      Promise.all(
        Array.from({ length: times }, () => new Promise<void>((go) => renewals.push(go))),
      ),
    calls: async () => (await store.get("sess-1"))?.toolCalls,
    [Symbol.asyncDispose]: () => layer.close(),
  };
}
