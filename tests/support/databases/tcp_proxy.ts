/** A proxy before a database, which delays or cuts what the two say. */

export interface TcpProxyOptions {
  readonly to: { readonly hostname: string; readonly port: number };
}

/** What becomes of some bytes of an answer: it goes on, or both connections end without it. */
export type Fate = "pass" | "cut";

export class TcpProxy implements AsyncDisposable {
  /** The fate of the next bytes that the database answers. */
  fate: (answer: Uint8Array) => Fate = () => "pass";
  /** How long bytes are held up, in milliseconds. */
  delayMs = 0;
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #to: Deno.ConnectOptions;
  readonly #open = new Set<Deno.Conn>();
  readonly #serving: Promise<void>;

  constructor({ to }: TcpProxyOptions) {
    this.#to = to;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#serving = this.#serve();
  }

  async [Symbol.asyncDispose]() {
    this.#listener.close();
    for (const connection of this.#open) this.#close(connection);
    await this.#serving;
  }

  async #serve() {
    const serving: Promise<unknown>[] = [];
    for await (const client of this.#listener) {
      this.#open.add(client);
      serving.push(this.#connect(client).catch(() => this.#close(client)));
    }
    await Promise.all(serving);
  }

  async #connect(client: Deno.Conn) {
    const database = await Deno.connect(this.#to);
    this.#open.add(database);
    await Promise.all([
      this.#pump(client, database, () => "pass"),
      this.#pump(database, client, (answer) => this.fate(answer)),
    ]);
  }

  async #pump(from: Deno.Conn, to: Deno.Conn, fate: (bytes: Uint8Array) => Fate) {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        const bytes = buffer.slice(0, count);
        if (this.delayMs > 0) await new Promise((go) => setTimeout(go, this.delayMs));
        if (fate(bytes) === "cut") break;
        for (let at = 0; at < count;) at += await to.write(bytes.subarray(at));
      }
    } catch {
      // One of the two has closed its connection.
    } finally {
      this.#close(from);
      this.#close(to);
    }
  }

  #close(connection: Deno.Conn) {
    if (!this.#open.delete(connection)) return;
    connection.close();
  }
}
