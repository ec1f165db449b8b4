/**
 * A server of `http.ts`, and the process that puts load on it.
 *
 * @module
 */

import type { CallKind } from "./http_calls.ts";
import type { Order, Run } from "./http_load.ts";
import { BenchProcess } from "./process.ts";

/** Figures of a server, with its cost as the system counts it. */
export interface Measured extends Run {
  /** Processor time of the server for each request, in microseconds. */
  readonly cpuMicroseconds: number;
  /** Part of one core that the load itself took. */
  readonly loadPart: number;
}

export class Load extends BenchProcess {
  constructor() {
    super("http_load.ts");
  }

  /** Opens connections to a server; gives the number of their group. */
  async open(url: string, connections: number, calls: CallKind): Promise<number> {
    return (await this.#ask({ order: "open", url, connections, calls })).group;
  }

  run(group: number, howMuch: { ms: number } | { requests: number }): Promise<Run> {
    return this.#ask({ order: "run", group, ...howMuch });
  }

  async #ask(order: Order) {
    await this.write(order);
    const { done, value } = await this.stdout.next();
    if (!done) return JSON.parse(value);
    throw new Error((await Array.fromAsync(this.stderr)).join("\n"));
  }
}

interface TargetOptions {
  readonly name: string;
  /** Module of the server, its arguments, Deno's flags, and its environment. */
  readonly program: ConstructorParameters<typeof BenchProcess>;
  readonly calls: CallKind;
  readonly load: Load;
}

export class Target extends BenchProcess {
  readonly name: string;
  readonly #options: TargetOptions;
  readonly #groups = new Map<number, number>();
  #url = "";

  private constructor(options: TargetOptions) {
    super(...options.program);
    this.name = options.name;
    this.#options = options;
  }

  /** Starts the server, and waits until it listens. */
  static async start(options: TargetOptions): Promise<Target> {
    const target = new Target(options);
    const said: string[] = [];
    while (target.#url === "") {
      const { done, value } = await target.stderr.next();
      if (done) throw new Error(`${target.name} did not start: ${said.join("\n")}`);
      said.push(value);
      target.#url = /\blistening on (http:[^\s"]+)/.exec(value)?.[1] ?? "";
    }
    void echo(target.name, target.stderr);
    return target;
  }

  /** Opens missing connections, and makes calls on all. */
  async run(connections: number, howMuch: { ms: number } | { requests: number }) {
    let group = this.#groups.get(connections);
    if (group === undefined) {
      const { load, calls } = this.#options;
      group = await load.open(this.#url, connections, calls);
      this.#groups.set(connections, group);
    }
    return await this.#options.load.run(group, howMuch);
  }

  /** Makes calls for a while, and measures their cost too. */
  async measure(connections: number, ms: number): Promise<Measured> {
    const { load } = this.#options;
    const before = [this.cpuSeconds(), load.cpuSeconds()] as const;
    const run = await this.run(connections, { ms });
    const serverSeconds = this.cpuSeconds() - before[0];
    const loadSeconds = load.cpuSeconds() - before[1];
    return {
      ...run,
      cpuMicroseconds: serverSeconds * 1e6 / run.requests,
      loadPart: loadSeconds * run.perSecond / run.requests,
    };
  }
}

/** Shows the stderr of a server, but for lines of requests: nothing, if all is well. */
async function echo(name: string, said: AsyncIterable<string>): Promise<void> {
  for await (const line of said) {
    if (!/info: request |"level":"info"/.test(line)) console.error(`${name}: ${line}`);
  }
}
