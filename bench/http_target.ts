/**
 * A server of `http.ts`, and the process that puts load on it.
 *
 * @module
 */

import type { Sessions } from "./http_calls.ts";
import type { Order, Run } from "./http_load.ts";
import { BenchProcess } from "./process.ts";

/** Figures of a server, with its cost as the system counts it. */
export interface Measured extends Run {
  /** Processor time of the server for each request, in microseconds. */
  readonly cpuMicroseconds: number;
  /** Part of one core that the load itself took. */
  readonly loadPart: number;
}

/** The process that calls the servers. */
export class Load {
  readonly #process = new BenchProcess("http_load.ts");

  /** Opens connections to a server; gives the number of their group. */
  async open(url: string, connections: number, sessions: Sessions): Promise<number> {
    return (await this.#ask({ order: "open", url, connections, sessions })).group;
  }

  /** Makes calls on all connections of a group, for a time or up to a number. */
  run(group: number, howMuch: { ms: number } | { requests: number }): Promise<Run> {
    return this.#ask({ order: "run", group, ...howMuch });
  }

  /** Processor time so far, in seconds. */
  cpuSeconds(): number {
    return this.#process.cpuSeconds();
  }

  /** Ends it. */
  stop(): Promise<void> {
    return this.#process.stop();
  }

  async #ask(order: Order) {
    await this.#process.write(order);
    const { done, value } = await this.#process.stdout.next();
    if (!done) return JSON.parse(value);
    throw new Error((await Array.fromAsync(this.#process.stderr)).join("\n"));
  }
}

/** A measured server. */
export class Target {
  readonly name: string;
  readonly #process: BenchProcess;
  readonly #load: Load;
  readonly #url: string;
  readonly #sessions: Sessions;
  readonly #groups = new Map<number, number>();

  private constructor(
    { name, sessions, load }: TargetOptions,
    process: BenchProcess,
    url: string,
  ) {
    this.name = name;
    this.#process = process;
    this.#load = load;
    this.#url = url;
    this.#sessions = sessions;
  }

  /** Starts the server, and waits until it listens. */
  static async start(options: TargetOptions): Promise<Target> {
    const process = new BenchProcess(...options.program);
    const said: string[] = [];
    for (;;) {
      const { done, value } = await process.stderr.next();
      if (done) throw new Error(`${options.name} did not start: ${said.join("\n")}`);
      const url = / listening on (http:\S+)$/.exec(value)?.[1];
      if (url === undefined) {
        said.push(value);
        continue;
      }
      void echo(options.name, process.stderr);
      return new Target(options, process, url);
    }
  }

  /** Opens missing connections, and makes calls on all. */
  async run(connections: number, howMuch: { ms: number } | { requests: number }) {
    let group = this.#groups.get(connections);
    if (group === undefined) {
      group = await this.#load.open(this.#url, connections, this.#sessions);
      this.#groups.set(connections, group);
    }
    return await this.#load.run(group, howMuch);
  }

  /** Makes calls for a while, and measures their cost too. */
  async measure(connections: number, ms: number): Promise<Measured> {
    const [server, load] = [this.#process.cpuSeconds(), this.#load.cpuSeconds()];
    const run = await this.run(connections, { ms });
    const serverSeconds = this.#process.cpuSeconds() - server;
    const loadSeconds = this.#load.cpuSeconds() - load;
    return {
      ...run,
      cpuMicroseconds: serverSeconds * 1e6 / run.requests,
      loadPart: loadSeconds * run.perSecond / run.requests,
    };
  }

  /** Current memory of the server, in bytes. */
  rssBytes(): number {
    return this.#process.rssBytes();
  }

  /** Ends the server. */
  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** Options of a {@linkcode Target}. */
export interface TargetOptions {
  /** Name in the tables. */
  readonly name: string;
  /** A module, relative to this folder, and its arguments. */
  readonly program: readonly [module: string, ...args: string[]];
  /** Sessions of its calls. */
  readonly sessions: Sessions;
  /** Source of the calls. */
  readonly load: Load;
}

/** Shows the stderr of a server: nothing, if all is well. */
async function echo(name: string, said: AsyncIterable<string>): Promise<void> {
  for await (const line of said) console.error(`${name}: ${line}`);
}
