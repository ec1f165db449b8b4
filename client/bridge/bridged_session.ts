/**
 * One session on this side of the bridge, and what the model has to know about it.
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

const RESET = "Notice from the session bridge: the session in which these tools kept their state " +
  "is gone; it expired, was ended, or the server lost it. A new, empty session was started, and " +
  "this call ran in the new one. Nothing that was stored before is there any more: do not rely " +
  "on earlier results, store again what is still needed, and tell the user.";
const JOINED =
  "Notice from the session bridge: the session in which these tools kept their state " +
  "is gone; it expired, was ended, or the server lost it. Another client of the same name has " +
  "begun a new one since, and this call ran in that: it has what was stored there, and nothing " +
  "from before. Do not rely on earlier results: look at what is there, and tell the user.";
const FAILED =
  "Notice from the session bridge: the session in which these tools kept their state is gone; it " +
  "expired, was ended, or the server lost it. This call failed, most likely for that, and was not " +
  "made again. The next call runs in another session, in which nothing from before is left: do not " +
  "rely on earlier results, call again, store again what is still needed, and tell the user.";

/** Holds a cookie for the host, which knows nothing of it. */
export class BridgedSession {
  /** Holds the cookie. */
  readonly slot: CookieSlot;
  /** How many sessions it has lost. */
  losses = 0;
  /** How many requests that use it have not been answered. */
  inFlight = 0;
  #gone: string | undefined;
  /** Has a session been lost without the model having been told? */
  #untold = false;
  /** Is the session one that was in the jar? */
  #found = false;

  /** Holds what the jar has under `key`, once it is needed. */
  constructor(jar: CookieJar, key: JarKey, log: Log) {
    this.slot = new CookieSlot(jar, key, {
      onevent: (event) => this.#note(event, log),
      onerror: (error) => log("warn", `the cookie jar: ${messageOf(error)}`),
    });
  }

  /** Is there nothing to it but the cookie that is in the jar? */
  get isIdle(): boolean {
    return this.inFlight === 0 && !this.#untold && this.slot.isSaved;
  }

  /**
   * What the host gets of a result: without the cookie, which it did not ask for. The first results
   * after the loss of a session begin with a notice; `losses` tells how many had been lost when the
   * call came, and `carried` which session it went with.
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
    this.#untold = false;
    const content = Array.isArray(bare.content) ? bare.content : [];
    return { ...bare, content: [{ type: "text", text: notice }, ...content] };
  }

  #notice(result: unknown, losses: number, carried: string | undefined): string | undefined {
    if (!this.#untold && this.losses === losses) return undefined;
    const cookie = resultCookie(result);
    const ranIn = cookie === undefined ? carried : cookie?.id;
    if (ranIn === undefined) return undefined;
    if (ranIn !== this.#gone) return this.#found ? JOINED : RESET;
    // A late answer of the old session tells nothing new, but a failure may be for its loss.
    return member(result, "isError") === true && cookie === undefined ? FAILED : undefined;
  }

  #note(event: SessionEvent, log: Log): void {
    switch (event.type) {
      case "lost":
      case "revoked":
        log("warn", `session ${shortId(event.previous.id)}… is gone`);
        this.#gone = event.previous.id;
        this.#untold = true;
        this.losses++;
        break;
      case "created":
      case "resumed":
      case "replaced":
        if (event.type !== "replaced") this.#found = event.type === "resumed";
        log("info", `session ${shortId(event.cookie.id)}… is ${event.type}`);
        break;
      case "reconnected":
        break;
    }
  }
}

/** A result without the cookie, which the host did not ask for. */
export function withoutCookie(result: Record<string, unknown>): Record<string, unknown> {
  const { _meta, ...rest } = result;
  if (!isObject(_meta) || !Object.hasOwn(_meta, META_KEY)) return result;
  const { [META_KEY]: _, ...meta } = _meta;
  return Object.keys(meta).length === 0 ? rest : { ...rest, _meta: meta };
}
