/**
 * Calls of `hashcheck_store` for the load of `http.ts`, encoded beforehand, and the text that the
 * response of each must have.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { EXTENSION } from "../protocol/capability.ts";
import { META_KEY } from "../protocol/cookie.ts";
import { META } from "../protocol/era.ts";
import { METHOD } from "../protocol/methods.ts";
import type { HttpConnection } from "./http_connection.ts";
import { idOf } from "./sessions.ts";

/**
 * Sessions of the calls: `raw` for a server with one fixed response, `none`, `transport` for one of
 * the SDK's transport and `own` for one of ours on each connection; a number for that many existing
 * sessions of ours, and each call takes one at random.
 */
export type Sessions = "raw" | "none" | "transport" | "own" | number;

/** Era of MCP of the calls. */
export type Era = "legacy" | "modern";

/** The calls that a server gets. */
export interface CallKind {
  readonly sessions: Sessions;
  readonly era: Era;
}

interface Call {
  readonly request: Buffer;
  /** Text that only its own response has. */
  readonly expected: readonly string[];
  /** Offset of the session's number, if each call takes another session. */
  readonly numberAt: number;
}

// Enough that no two calls in a row write the same value.
const CALLS_PER_CONNECTION = 8;
// Hex digits at the end of an id that 16 million sessions need.
const DIGITS = 6;
const HEX = Buffer.from("0123456789abcdef");
const TOOL = "hashcheck_store";
const CLIENT = { name: "load", version: "1.0.0" };
const VERSION = { legacy: "2025-11-25", modern: "2026-07-28" } as const;
const ENVELOPE = {
  [META.version]: VERSION.modern,
  [META.clientInfo]: CLIENT,
  [META.clientCapabilities]: {},
};

export class Calls {
  readonly #sessions: Sessions;
  readonly #calls: readonly Call[];
  #next = 0;

  private constructor(sessions: Sessions, calls: readonly Call[]) {
    this.#sessions = sessions;
    this.#calls = calls;
  }

  /** Encodes them, after sending what has to come first. */
  static async prepare(
    connection: HttpConnection,
    url: URL,
    { sessions, era }: CallKind,
    number: number,
  ): Promise<Calls> {
    let extraHead = era === "modern" ? modernHead("tools/call", TOOL) : "";
    let meta: object = era === "modern" ? ENVELOPE : {};
    if (sessions === "transport") extraHead = await initialize(connection, url);
    if (sessions === "own") meta = { ...meta, ...await createSession(connection, url, era) };
    if (typeof sessions === "number") meta = { [META_KEY]: { id: idOf(0) } };
    const calls = Array.from({ length: CALLS_PER_CONNECTION }, (_, i): Call => {
      const key = `key ${i}`;
      const text = `What connection ${number} says under key ${i}`;
      const id = number * CALLS_PER_CONNECTION + i;
      const params = { name: TOOL, arguments: { key, text }, _meta: meta };
      const request = encode(url, { id, method: "tools/call", params }, extraHead);
      const hash = createHash("sha256").update(text).digest("hex");
      return {
        request,
        expected: sessions === "raw" ? [] : [`"id":${id}`, hash],
        numberAt: request.indexOf(idOf(0)) + idOf(0).length - DIGITS,
      };
    });
    return new Calls(sessions, calls);
  }

  async make(connection: HttpConnection): Promise<void> {
    const call = this.#calls[this.#next++ % this.#calls.length]!;
    if (typeof this.#sessions === "number") {
      let number = Math.floor(Math.random() * this.#sessions);
      for (let i = DIGITS - 1; i >= 0; i--) {
        call.request[call.numberAt + i] = HEX[number & 15]!;
        number >>= 4;
      }
    }
    const { head, body } = await connection.send(call.request);
    const good = head.startsWith("HTTP/1.1 200 ") && body.includes('"result":') &&
      !body.includes('"isError":true') && call.expected.every((part) => body.includes(part));
    if (!good) throw new Error(`A server did not do what it was asked for: ${head}\n${body}`);
  }
}

function encode(url: URL, message: object, extraHead = ""): Buffer {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  return Buffer.from(
    `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n` +
      "accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n" +
      `content-length: ${Buffer.byteLength(body)}\r\n${extraHead}\r\n${body}`,
  );
}

/** Headers of a request of the modern era, which repeat what its body says. */
function modernHead(method: string, name?: string): string {
  const named = name === undefined ? "" : `mcp-name: ${name}\r\n`;
  return `mcp-protocol-version: ${VERSION.modern}\r\nmcp-method: ${method}\r\n${named}`;
}

/** Opens a session of the SDK's transport; gives the header that names it. */
async function initialize(connection: HttpConnection, url: URL): Promise<string> {
  const params = { protocolVersion: VERSION.legacy, capabilities: {}, clientInfo: CLIENT };
  const { head } = await connection.send(encode(url, { id: 0, method: "initialize", params }));
  const id = /\r\nmcp-session-id: *(\S+)/i.exec(head)?.[1];
  if (id === undefined) throw new Error(`The server opened no session: ${head}`);
  const session = `mcp-session-id: ${id}\r\nmcp-protocol-version: ${VERSION.legacy}\r\n`;
  const initialized = { method: "notifications/initialized" };
  const accepted = await connection.send(encode(url, initialized, session));
  if (!accepted.head.startsWith("HTTP/1.1 202 ")) throw new Error(accepted.head);
  return session;
}

/** Makes a session of ours; gives the part of `_meta` that presents it. */
async function createSession(connection: HttpConnection, url: URL, era: Era): Promise<object> {
  const method = METHOD.create;
  const request = era === "modern"
    ? encode(url, { id: 0, method, params: { _meta: ENVELOPE } }, modernHead(method))
    : encode(url, { id: 0, method });
  const { body } = await connection.send(request);
  const key = era === "modern" ? EXTENSION : META_KEY;
  return { [key]: JSON.parse(body).result._meta[key] };
}
