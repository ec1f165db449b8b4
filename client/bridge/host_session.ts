/**
 * A session that the bridge holds for the host, and the notice to the model when it is lost.
 *
 * @module
 */

import { META_KEY, resultCookie } from "../../protocol/cookie.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { SessionEvent } from "../session/events.ts";
import { messageOf } from "../../runtime/errors.ts";
import type { CookieJar, JarKey } from "../jar/cookie_jar.ts";
import { CookieSlot } from "../session/cookie_slot.ts";
import { shortId } from "../../runtime/redaction.ts";
import type { Log } from "../../runtime/log.ts";

const GONE =
  "Notice from the session bridge: the session in which these tools kept their state is " +
  "gone; it expired, was ended, or the server lost it. ";
const RESET = GONE + "A new, empty session was started, and " +
  "this call ran in the new one. Nothing that was stored before is there any more: do not rely " +
  "on earlier results, store again what is still needed, and tell the user.";
const JOINED = GONE + "Another client of the same name has " +
  "begun a new one since, and this call ran in that: it has what was stored there, and nothing " +
  "from before. Do not rely on earlier results: look at what is there, and tell the user.";
const FAILED = GONE + "This call failed, most likely for that, and was not " +
  "made again. The next call runs in another session, in which nothing from before is left: do not " +
  "rely on earlier results, call again, store again what is still needed, and tell the user.";

/** The session of a conversation, of a name or of the process. */
export class HostSession {
  readonly slot: CookieSlot;
  /** The number of sessions that were lost so far. */
  losses = 0;
  /** The number of pending requests that use this session. */
  inFlight = 0;
  /** The id of the session that was lost last. */
  #lost: string | undefined;
  /** Whether the model has yet to be told of a loss. */
  #isUntold = false;
  /** Whether the current session comes from the jar, where another client may have filed it. */
  #isResumed = false;

  /** Loads its cookie from `jar` at the first use. */
  constructor(jar: CookieJar, key: JarKey, log: Log) {
    this.slot = new CookieSlot(jar, key, {
      onevent: (event) => this.#note(event, log),
      onerror: (error) => log("warn", `the cookie jar: ${messageOf(error)}`),
    });
  }

  /** Whether the jar has all there is to it. */
  get isIdle(): boolean {
    return this.inFlight === 0 && !this.#isUntold && this.slot.isSaved;
  }

  /**
   * The host's form of a result: without the cookie, and with a notice if a session was lost since
   * the request came. `losses` is the count from then, `carried` the session that the request named.
   */
  resultFor(
    method: string,
    result: Record<string, unknown>,
    losses: number,
    carried: string | undefined,
  ): Record<string, unknown> {
    const bare = withoutCookie(result);
    const notice = method === "tools/call" ? this.#notice(result, losses, carried) : undefined;
    if (notice === undefined) return bare;
    this.#isUntold = false;
    const content = Array.isArray(bare.content) ? bare.content : [];
    return { ...bare, content: [{ type: "text", text: notice }, ...content] };
  }

  #notice(result: unknown, losses: number, carried: string | undefined): string | undefined {
    if (!this.#isUntold && this.losses === losses) return undefined;
    const cookie = resultCookie(result);
    const ranIn = cookie === undefined ? carried : cookie?.id;
    if (ranIn === undefined) return undefined;
    if (ranIn !== this.#lost) return this.#isResumed ? JOINED : RESET;
    // A late result from the lost session needs no notice, unless it failed because of the loss.
    return member(result, "isError") === true && cookie === undefined ? FAILED : undefined;
  }

  #note(event: SessionEvent, log: Log): void {
    switch (event.type) {
      case "lost":
      case "revoked":
        log("warn", `session ${shortId(event.previous.id)}… is gone`);
        this.#lost = event.previous.id;
        this.#isUntold = true;
        this.losses++;
        break;
      case "created":
      case "resumed":
      case "replaced":
        if (event.type !== "replaced") this.#isResumed = event.type === "resumed";
        log("info", `session ${shortId(event.cookie.id)}… is ${event.type}`);
        break;
      case "reconnected":
        break;
    }
  }
}

/** A result without the cookie, for a host that did not send one. */
export function withoutCookie(result: Record<string, unknown>): Record<string, unknown> {
  const { _meta, ...rest } = result;
  if (!isObject(_meta) || !Object.hasOwn(_meta, META_KEY)) return result;
  const { [META_KEY]: _, ...meta } = _meta;
  return Object.keys(meta).length === 0 ? rest : { ...rest, _meta: meta };
}
