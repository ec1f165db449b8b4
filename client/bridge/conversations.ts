/**
 * Which session a request of the host's uses, by the conversation that it belongs to.
 *
 * @module
 */

import { sha256 } from "../../runtime/sha256.ts";
import { type ConversationKey, conversationOf, pathIn } from "../../protocol/conversation.ts";
import { isObject } from "../../runtime/json.ts";
import { presentsCookie } from "../session/pending_requests.ts";
import { type CookieJar, MemoryJar } from "../jar/cookie_jar.ts";
import type { JSONRPCRequest } from "../sdk.ts";
import { BridgedSession } from "./bridged_session.ts";
import type { Log } from "../../runtime/log.ts";
import { UserJar } from "./user_jar.ts";

/** How many sessions the bridge has at hand; the jar has the cookies of the others. */
const MAX_AT_HAND = 1000;

/** Where sessions are kept. */
export interface ConversationOptions {
  /** Keeps the cookies of sessions that are to be found again. */
  readonly jar: CookieJar;
  /** What the jar files them under. */
  readonly server: string;
  /** Tells apart the users of one server who share the jar; empty for a server that does not ask. */
  readonly user: string;
  /** Where hosts put the id of a conversation; the first that is there counts. */
  readonly keys: readonly ConversationKey[];
  /** The name of the one session for everything, if there is to be one. */
  readonly name: string | undefined;
  /** Whether what belongs to no conversation has one session, which ends with this process. */
  readonly perProcess: boolean;
  readonly log: Log;
}

/** All sessions on this side of the bridge. */
export class Conversations {
  readonly #options: ConversationOptions;
  readonly #conversationJar: CookieJar;
  /** Those that were used last come last. */
  readonly #sessions = new Map<string, BridgedSession>();
  /** The session that ends with this process. Nobody could find it again, so no jar keeps it. */
  readonly passing: BridgedSession | undefined;
  /** For what belongs to no conversation, if that is to have a session at all. */
  readonly #ours: BridgedSession | undefined;

  /** Has none at first. */
  constructor(options: ConversationOptions) {
    const { jar, server, user, name, perProcess, log } = options;
    this.#options = options;
    this.#conversationJar = user === "" ? jar : new UserJar(jar, user);
    if (perProcess) {
      this.passing = new BridgedSession(new MemoryJar(), { server, profile: "" }, log);
    }
    this.#ours = name === undefined ? this.passing : this.#open(name, jar);
  }

  /** The session for this request; `undefined` if there is none, or the caller sees to it. */
  of({ method, params }: JSONRPCRequest): BridgedSession | undefined {
    if (method === "initialize" || method.startsWith("session/") || presentsCookie(params)) {
      return undefined;
    }
    const { name, keys } = this.#options;
    const conversation = name === undefined ? conversationOf(params, keys) : undefined;
    if (conversation === undefined) return this.#ours;
    if (conversation === "unreadable") return undefined;
    // The jar is to tell nobody which conversations there were.
    const hash = sha256(JSON.stringify([conversation.key, conversation.id]));
    return this.#open(`conversation:${hash}`, this.#conversationJar);
  }

  /** A message's params without the ids of the conversation, which a cookie now stands for. */
  without(params: Record<string, unknown>): Record<string, unknown> {
    let meta = params._meta;
    for (const key of this.#options.keys) meta = without(meta, pathIn(params._meta, key));
    return meta === params._meta ? params : { ...params, _meta: meta };
  }

  /** Waits until the jar has every change. */
  async flush(): Promise<void> {
    for (const { slot } of this.#sessions.values()) await slot.flush();
  }

  #open(profile: string, jar: CookieJar): BridgedSession {
    const { server, log } = this.#options;
    const session = this.#sessions.get(profile) ??
      new BridgedSession(jar, { server, profile }, log);
    this.#sessions.delete(profile);
    this.#letGo(this.#sessions.size + 1 - MAX_AT_HAND);
    this.#sessions.set(profile, session);
    return session;
  }

  /** Lets go of `count` that were not used for the longest time, if so many will be found again. */
  #letGo(count: number): void {
    const idle = this.#sessions.entries().filter(([, session]) => session.isIdle);
    for (const [profile] of idle.take(Math.max(0, count))) this.#sessions.delete(profile);
  }
}

/** A copy of `value` without what is at the end of the path; `value` itself if nothing is there. */
function without(value: unknown, [name, ...path]: readonly string[]): unknown {
  if (name === undefined) return value;
  // Some hosts write JSON into a string.
  if (typeof value === "string") {
    const parsed = objectIn(value);
    const left = without(parsed, [name, ...path]);
    return left === parsed ? value : JSON.stringify(left);
  }
  if (!isObject(value) || !Object.hasOwn(value, name)) return value;
  const { [name]: inner, ...rest } = value;
  if (path.length === 0) return rest;
  const left = without(inner, path);
  return left === inner ? value : { ...rest, [name]: left };
}

function objectIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
