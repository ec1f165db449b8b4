/** HTTP over a raw connection, for clients that do only half of what they should. */

import { HEADERS } from "./wire.ts";

/** A connection that sends a request bit by bit, and reads its response no further than wanted. */
export class RawConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #host: string;
  readonly #path: string;

  private constructor(connection: Deno.TcpConn, { host, pathname }: URL) {
    this.#connection = connection;
    this.#host = host;
    this.#path = pathname;
  }

  static async open(url: string): Promise<RawConnection> {
    const address = new URL(url);
    const { hostname, port } = address;
    return new RawConnection(await Deno.connect({ hostname, port: Number(port) }), address);
  }

  /** Sends the head of a POST, and a part of its body. */
  post(body: string, headers: Record<string, string> = {}): Promise<void> {
    return this.request(`POST ${this.#path}`, body, headers);
  }

  /** Sends the head of a request, and a part of its body; `line` is its method and target. */
  async request(line: string, body: string, headers: Record<string, string> = {}): Promise<void> {
    const all = {
      host: this.#host,
      ...HEADERS,
      ...("transfer-encoding" in headers ? {} : { "content-length": `${body.length}` }),
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    await this.write(`${line} HTTP/1.1\r\n${lines}\r\n${body}`);
  }

  async write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  /** Ends the input of the server, not its output. */
  endInput(): Promise<void> {
    return this.#connection.closeWrite();
  }

  /** Reads the next bytes; "" at the end. */
  async read(): Promise<string> {
    const buffer = new Uint8Array(1000);
    const length = await this.#connection.read(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, length));
  }

  /** Reads a whole response, head and body; less if the connection ends before. */
  async response(): Promise<string> {
    let text = "";
    for (;;) {
      const more = await this.read();
      text += more;
      const body = text.indexOf("\r\n\r\n") + 4;
      const length = /^content-length: (\d+)/im.exec(text.slice(0, body))?.[1];
      const isWhole = length === undefined
        ? text.endsWith("\r\n0\r\n\r\n")
        : new TextEncoder().encode(text.slice(body)).length >= Number(length);
      if (more === "" || body >= 4 && isWhole) return text;
    }
  }

  async rest(): Promise<string> {
    let text = "";
    for (let more; (more = await this.read()) !== "";) text += more;
    return text;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
