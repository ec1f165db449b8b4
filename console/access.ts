/**
 * Access to the console: requests to this machine's own name, and a browser that came by the link.
 *
 * @module
 */

import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import type { MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { randomHex } from "../runtime/random_hex.ts";

const SECRET_BYTES = 32;

/** The secrets of one run: a link that opens once, and the cookie that it leaves in the browser. */
export class Access {
  readonly #port: number;
  readonly #cookie = randomHex(SECRET_BYTES);
  #token: string | undefined = randomHex(SECRET_BYTES);

  constructor(port: number) {
    this.#port = port;
  }

  /** The link for the one browser that may come in. */
  get link(): string {
    return `http://${this.#hostOf("127.0.0.1")}/?token=${this.#token}`;
  }

  /** Lets through what is addressed to this machine by its own name: no other site can claim that. */
  readonly checkHost: MiddlewareHandler = async (context, next) => {
    const host = context.req.header("host") ?? "";
    if (!["127.0.0.1", "localhost"].some((name) => host === this.#hostOf(name))) {
      return context.text("This console answers to 127.0.0.1 and localhost only.\n", 403);
    }
    const { method } = context.req;
    // Whatever may change something comes from a page of ours.
    if (method !== "GET" && context.req.header("origin") !== `http://${host}`) {
      return context.text("This console takes changes from its own pages only.\n", 403);
    }
    return await next();
  };

  /** Takes the link's token, once, and leaves the cookie in its place. */
  readonly takeToken: MiddlewareHandler = async (context, next) => {
    const token = context.req.query("token");
    if (token === undefined || context.req.path !== "/") return await next();
    if (this.#token !== undefined && isSame(token, this.#token)) {
      this.#token = undefined;
      setCookie(context, this.#cookieName, this.#cookie, {
        httpOnly: true,
        sameSite: "Strict",
        path: "/",
      });
    }
    return context.redirect("/", 303);
  };

  isOpenTo(context: Parameters<MiddlewareHandler>[0]): boolean {
    return isSame(getCookie(context, this.#cookieName) ?? "", this.#cookie);
  }

  /** The Host that browsers send: without the port that is HTTP's own. */
  #hostOf(name: string): string {
    return new URL(`http://${name}:${this.#port}`).host;
  }

  // Browsers send a cookie to all ports of a host: two consoles must not take each other's away.
  get #cookieName(): string {
    return `mcp-sessions-console-${this.#port}`;
  }
}

function isSame(given: string, secret: string): boolean {
  const encoder = new TextEncoder();
  const [a, b] = [encoder.encode(given), encoder.encode(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}
