/**
 * Observer: the one seam for all that watches a server. Logs of requests, traces, metrics and the audit
 * log are observers; nothing is observed, and nothing loaded, unless one is given.
 *
 * @module
 */

import type { SessionVia } from "../session/session_binding.ts";

/** What an observer is told; each member is optional. They are called at once and must not throw. */
export interface Observer {
  /**
   * Called when a JSON-RPC request begins, whatever it asks for.
   *
   * @returns what is told of its end; nothing if this request is of no interest.
   */
  request?(request: ObservedRequest): RequestObservation | undefined;
  /** Called for what happens in a session's life. An ordinary call is no event. */
  session?(event: SessionEvent): void;
  /** Called for each HTTP request that is refused before its message becomes a `request`. */
  refused?(refusal: Refusal): void;
}

/** Who asked. */
export interface ObservedCaller {
  /** The principal (section 6 of the contract), `null` for an anonymous caller. */
  readonly owner: string | null;
  /** The caller's IP address, if it is known: over HTTP alone, and not that of a proxy that is trusted. */
  readonly address: string | undefined;
}

/** A JSON-RPC request that has just begun. All texts are the caller's own: they are not bounded. */
export interface ObservedRequest extends ObservedCaller {
  /** The method, whether there is one of that name or not. */
  readonly method: string;
  /** The tool, prompt or resource that it names. */
  readonly target: string | undefined;
  /** The id that the caller has given it. */
  readonly id: string | number;
  /** The era of its version of MCP (section 10 of the contract). */
  readonly era: "legacy" | "modern";
  /** The protocol version of a modern request, which names it. */
  readonly protocolVersion: string | undefined;
  /** `http` if it came in an HTTP request of its own; else `stdio`, whatever the transport. */
  readonly transport: "stdio" | "http";
  /** `params._meta` as it came: what it carries, such as `traceparent`, is unchecked. */
  readonly meta: unknown;
  /** The request as labels of metrics. Asked for at its end, they know what its response tells too. */
  readonly label: RequestLabel;
}

/**
 * What a request asks for, in labels of which there are few whatever callers send: in place of a name that
 * the server is not known to have stands `_OTHER`. It is known to have what one of its lists names, and
 * what it has answered without an error.
 */
export interface RequestLabel {
  /** The method, or `_OTHER`. */
  readonly method: string;
  /** The tool or prompt that a `tools/call` or `prompts/get` names; `undefined` for any other method. */
  readonly target: string | undefined;
}

/** Follows one request. */
export interface RequestObservation {
  /** Runs the handling of the request, for an observer with a context of its own. */
  run?(handle: () => void): void;
  /** Called once: the response is sent, or there will be none. */
  end(outcome: RequestOutcome): void;
}

/** How a request ended. */
export interface RequestOutcome {
  /** `cancelled`: it gets no response. `tool_error`: a result with `isError`. */
  readonly kind: "ok" | "tool_error" | "error" | "cancelled";
  /** The code of the JSON-RPC error. */
  readonly code: number | undefined;
  /** The time from its beginning until its response was sent. */
  readonly durationMs: number;
  /** The session that it ran with, and how that was found. */
  readonly session: ObservedSession | undefined;
}

/** A session as observers see it. Neither its id nor its cookie can be found from it. */
export interface ObservedSession {
  /** A hash of its `stateId`, the same in all of its life. */
  readonly key: string;
  /** How the request found it. */
  readonly via: SessionVia;
}

/** Something that happened in a session's life. That it expires is no event: nobody is there to see it. */
export interface SessionEvent extends ObservedCaller {
  /**
   * `resumed`: this process sees the id of the session for the first time, or again after a while.
   * `denied`: the caller presented an id that leads to no session of its own.
   */
  readonly kind: "created" | "resumed" | "denied" | "regenerated" | "forked" | "deleted";
  /** Key of the session; `undefined` if there is none, as it was denied. */
  readonly key: string | undefined;
  /**
   * Hash of the session's id: of that which has died, if it was `regenerated` or `deleted`, and of what the
   * caller presented, if it was `denied`. `undefined` if that was no id.
   */
  readonly id: string | undefined;
  /**
   * How the session was found; for `session/*` methods and the tools for handles, which of them asked; and
   * `replace` for the session that takes the place of another.
   */
  readonly via: string;
  /** Key of the session that it was forked from, or that it replaces. */
  readonly from?: string;
  /**
   * Why it was denied: `malformed`, no id; `unknown`, no live session has it; `foreign`, another's session
   * has it, whose key is told. Its caller learns nothing of the difference.
   */
  readonly reason?: "malformed" | "unknown" | "foreign";
  /**
   * Of a denied caller, how many other ids it has presented in vain, with this one; past 4,096 such callers
   * at once, together with others of its network. Of many, only each doubling is told; `foreign` ones are
   * many when so many were of one owner's sessions.
   */
  readonly count?: number;
}

/** An HTTP request that was refused, but for the 405 by which clients learn that there is no stream. */
export interface Refusal extends ObservedCaller {
  /** The HTTP status. */
  readonly status: number;
  /** What refused it, in one line without anything that the caller sent. */
  readonly reason: string;
}
