/** A Redis of a test's own: on a free port, in a temporary folder, with the faults of a real one. */

import { createClient } from "@redis/client";
import { freePort } from "./free_port.ts";
import { until } from "../until.ts";

/** Settings of `redis.conf`, such as `{ appendfsync: "everysec" }`. */
export type RedisSettings = Readonly<Record<string, string>>;

const DEFAULTS: RedisSettings = {
  bind: "127.0.0.1",
  save: "",
  appendonly: "yes",
  appendfsync: "always",
  daemonize: "no",
};

/** A server that runs until disposal. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #settings: RedisSettings;
  #child: Deno.ChildProcess;

  private constructor(port: number, folder: string, settings: RedisSettings) {
    this.port = port;
    this.folder = folder;
    this.#settings = settings;
    this.#child = this.#spawn();
  }

  static async start(settings: RedisSettings = {}): Promise<RedisServer> {
    const folder = await Deno.makeTempDir({ prefix: "redis-" });
    // Another process may take the port before the server does.
    for (let tries = 1;; tries++) {
      const server = new RedisServer(freePort(), folder, { ...DEFAULTS, ...settings });
      try {
        await server.#answers();
        return server;
      } catch (error) {
        await server.kill();
        if (tries < 3) continue;
        await Deno.remove(folder, { recursive: true });
        throw error;
      }
    }
  }

  /** Its address, with these before the host: `user:password@`. */
  url({ login = "", query = "" } = {}): string {
    return `redis://${login}127.0.0.1:${this.port}${query}`;
  }

  /** One command by a client of its own; a password is that of the settings. */
  async command(...command: string[]): Promise<unknown> {
    const client = createClient({
      socket: { host: "127.0.0.1", port: this.port, reconnectStrategy: false },
      ...(this.#settings.requirepass === undefined ? {} : { password: this.#settings.requirepass }),
      disableOfflineQueue: true,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      return await client.sendCommand(command);
    } finally {
      client.destroy();
    }
  }

  /** Stops it as a machine does that is suspended: its connections stay, and it answers nothing. */
  suspend() {
    this.#child.kill("SIGSTOP");
  }

  goOn() {
    this.#child.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
  }

  /** Starts it again where it was, on the same data. */
  async restart(): Promise<void> {
    this.#child = this.#spawn();
    await this.#answers();
  }

  /** Removes the data of a server that is killed. */
  async empty(): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
    await Deno.mkdir(this.folder);
  }

  async [Symbol.asyncDispose]() {
    await this.kill();
    await Deno.remove(this.folder, { recursive: true });
  }

  #spawn(): Deno.ChildProcess {
    const settings = { ...this.#settings, port: `${this.port}`, dir: this.folder };
    try {
      return new Deno.Command("redis-server", {
        args: Object.entries(settings).flatMap((
          [name, value],
        ) => [`--${name}`, ...value.split(" ")]),
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
    } catch (cause) {
      throw new Error(
        "Cannot start redis-server: install it (on Debian `apt-get install redis-server`) and have it " +
          "on the PATH",
        { cause },
      );
    }
  }

  /** Waits until it answers with its data loaded. */
  async #answers(): Promise<void> {
    const hasEnded = this.#child.status.then(() => "ended");
    const outcome = await until(
      () =>
        Promise.race([
          hasEnded,
          this.command("PING").then(
            () => "answers",
            (error: Error) => /LOADING|ECONNREFUSED/.test(String(error)) ? "not yet" : "answers",
          ),
        ]),
      (outcome) => outcome !== "not yet",
    );
    if (outcome === "ended") throw new Error("redis-server ended as it started: run it by hand");
  }
}
