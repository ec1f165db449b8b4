/** A proxy for hosts that refuses and records every attempt to leave loopback. */

/** A proxy that refuses everything. */
export class Outside implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #served: Promise<void>;
  /** First line of each request. */
  readonly tried: string[] = [];

  constructor() {
    this.#served = this.#serve();
  }

  /** Environment that leads a program to the proxy. */
  get env(): Readonly<Record<string, string>> {
    const { port } = this.#listener.addr;
    const proxy = `http://127.0.0.1:${port}`;
    const here = "127.0.0.1,localhost";
    return {
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      http_proxy: proxy,
      https_proxy: proxy,
      NO_PROXY: here,
      no_proxy: here,
      NODE_USE_ENV_PROXY: "1",
    };
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      const bytes = new Uint8Array(1024);
      const count = await connection.read(bytes).catch(() => null);
      const [line = ""] = new TextDecoder().decode(bytes.subarray(0, count ?? 0)).split("\r\n");
      this.tried.push(line);
      connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#served;
  }
}
