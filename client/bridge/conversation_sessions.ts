/**
 * Maps each request of the host to a session, by its conversation.
 *
 * @module
 */

import { sha256 } from "../../runtime/sha256.ts";
import { type ConversationKey, conversationOf, pathIn } from "../../protocol/host_conversations.ts";
import { isObject } from "../../runtime/json.ts";
import { presentsCookie } from "../session/pending_requests.ts";
import { type CookieJar, MemoryJar } from "../jar/cookie_jar.ts";
import type { JSONRPCRequest } from "../sdk.ts";
import { HostSession } from "./host_session.ts";
import { IdleCache } from "./idle_cache.ts";
import type { Log } from "../../runtime/log.ts";
import { UserJar } from "./user_jar.ts";

export interface ConversationSessionsOptions {
  /** Keeps the cookies of sessions that are to be found again. */
  readonly jar: CookieJar;
  readonly server: string;
  /** Tells apart users of one server who share the jar; empty without authentication. */
  readonly user: string;
  /** Where hosts put a conversation's id, by precedence. */
  readonly keys: readonly ConversationKey[];
  /** The name of the one session for all requests, if `--session` gives one. */
  readonly name: string | undefined;
  /** Whether requests without a conversation share a session, which ends with this process. */
  readonly perProcess: boolean;
  readonly log: Log;
}

export class ConversationSessions {
  readonly #options: ConversationSessionsOptions;
  readonly #conversationJar: CookieJar;
  readonly #sessions = new IdleCache<HostSession>();
  /** The session of `--per-process`. No other process could find it, so no jar keeps it. */
  readonly processSession: HostSession | undefined;
  /** The session of requests without a conversation, if they have one. */
  readonly #default: HostSession | undefined;

  constructor(options: ConversationSessionsOptions) {
    const { jar, server, user, name, perProcess, log } = options;
    this.#options = options;
    this.#conversationJar = user === "" ? jar : new UserJar(jar, user);
    if (perProcess) {
      this.processSession = new HostSession(new MemoryJar(), { server, profile: "" }, log);
    }
    this.#default = name === undefined ? this.processSession : this.#open(name, jar);
  }

  /** The session for a request; `undefined` if it has none, or brings its own cookie. */
  sessionFor({ method, params }: JSONRPCRequest): HostSession | undefined {
    if (method === "initialize" || method.startsWith("session/") || presentsCookie(params)) {
      return undefined;
    }
    const { name, keys } = this.#options;
    const conversation = name === undefined ? conversationOf(params, keys) : undefined;
    if (conversation === undefined) return this.#default;
    if (conversation === "unreadable") return undefined;
    // Hashed, so that the jar does not reveal the ids of conversations.
    const hash = sha256(JSON.stringify([conversation.key, conversation.id]));
    return this.#open(`conversation:${hash}`, this.#conversationJar);
  }

  /** A message's params without the ids of conversations, which the cookie replaces. */
  withoutIds(params: Record<string, unknown>): Record<string, unknown> {
    let meta = params._meta;
    for (const key of this.#options.keys) meta = withoutPath(meta, pathIn(params._meta, key));
    return meta === params._meta ? params : { ...params, _meta: meta };
  }

  async flush(): Promise<void> {
    for (const { slot } of this.#sessions.values()) await slot.flush();
  }

  #open(profile: string, jar: CookieJar): HostSession {
    const { server, log } = this.#options;
    const session = this.#sessions.get(profile) ?? new HostSession(jar, { server, profile }, log);
    this.#sessions.set(profile, session);
    return session;
  }
}

/** A copy of `value` without the member at the end of the path; `value` itself if there is none. */
function withoutPath(value: unknown, [name, ...path]: readonly string[]): unknown {
  if (name === undefined) return value;
  // Some hosts write JSON into a string.
  if (typeof value === "string") {
    const parsed = parsedJson(value);
    const left = withoutPath(parsed, [name, ...path]);
    return left === parsed ? value : JSON.stringify(left);
  }
  if (!isObject(value) || !Object.hasOwn(value, name)) return value;
  const { [name]: inner, ...rest } = value;
  if (path.length === 0) return rest;
  const left = withoutPath(inner, path);
  return left === inner ? value : { ...rest, [name]: left };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
