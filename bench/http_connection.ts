/**
 * One connection of the load: sends encoded requests and reads each response whole. Knows just enough
 * HTTP/1.1 to cost far less than the servers that it measures.
 *
 * @module
 */

import { Buffer } from "node:buffer";

const END_OF_HEAD = "\r\n\r\n";

interface Answer {
  readonly head: string;
  /** The body, byte for byte, with the chunks put together. */
  readonly body: string;
}

export class HttpConnection {
  readonly #socket: Deno.TcpConn;
  #buffer = Buffer.alloc(16 * 1024);

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  static async open(url: URL): Promise<HttpConnection> {
    const socket = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
    socket.setNoDelay(true);
    return new HttpConnection(socket);
  }

  close() {
    this.#socket.close();
  }

  async send(request: Uint8Array): Promise<Answer> {
    for (let sent = 0; sent < request.length;) {
      sent += await this.#socket.write(sent === 0 ? request : request.subarray(sent));
    }
    for (let length = 0;;) {
      if (length === this.#buffer.length) {
        this.#buffer = Buffer.concat([this.#buffer], 2 * this.#buffer.length);
      }
      const read = await this.#socket.read(length ? this.#buffer.subarray(length) : this.#buffer);
      if (read === null) throw new Error("The server closed the connection before it answered");
      length += read;
      const answer = parse(this.#buffer.toString("latin1", 0, length));
      if (answer !== undefined) return answer;
    }
  }
}

function parse(text: string): Answer | undefined {
  const end = text.indexOf(END_OF_HEAD);
  if (end === -1) return undefined;
  const head = text.slice(0, end);
  const start = end + END_OF_HEAD.length;
  const declared = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (declared !== undefined) {
    const length = Number(declared);
    if (text.length < start + length) return undefined;
    return { head, body: text.slice(start, start + length) };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) {
    throw new Error(`The answer does not say where it ends: ${head}`);
  }
  const body = joinChunks(text, start);
  return body === undefined ? undefined : { head, body };
}

function joinChunks(text: string, start: number): string | undefined {
  let body = "";
  for (let at = start;;) {
    const line = text.indexOf("\r\n", at);
    if (line === -1) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    at = line + 2;
    if (text.length < at + size + 2) return undefined;
    if (size === 0) return body;
    body += text.slice(at, at + size);
    at += size + 2;
  }
}
