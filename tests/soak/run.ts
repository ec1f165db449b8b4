/** The soak: clients at work, servers that die, and measurements meanwhile. */

import { inspect } from "../../store/admin/verify.ts";
import { Random } from "../support/random.ts";
import { type ServerName, SERVERS } from "../support/servers/server.ts";
import { type Caller, LibraryCaller, RawCaller } from "./callers.ts";
import { delay } from "./pace.ts";
import { residentMiB, Served } from "./served.ts";
import { type Worker, worker } from "./workers.ts";

/** Clients: the first ones are raw HTTP, the next the library over HTTP, the others over stdio. */
export const CLIENTS = 32;
const RAW = 20;
const LIBRARY_HTTP = 8;
/** Steps of a session before it is deleted and replaced. */
const STEPS = 500;
/** Longest pauses between two steps of a client, and between two deaths. */
const PAUSE_MS = 40;
const DEATH_MS = 4000;

/** Figures of a soak so far. */
export interface Figures {
  calls: number;
  acknowledged: number;
  verified: number;
  sessions: number;
  restarts: number;
  kills: number;
  /** Peak memory of any server, in MiB. */
  mostMiB: number;
  /** Memory of the server that is never killed: after a minute, and now. */
  steadyMiB: { early: number; now: number };
  /** Size of the store's file, in bytes. */
  fileBytes: number;
  mostFileBytes: number;
  /** Losses, in words. */
  readonly lost: string[];
}

/** Duration and seed. */
export interface SoakOptions {
  readonly folder: string;
  readonly minutes: number;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Called at once with each loss. */
  readonly onLoss: (what: string) => void;
  readonly onProgress: (figures: Figures, elapsedMs: number) => void;
}

/** Soaks the servers. Losses stand in the figures. */
export async function soak(options: SoakOptions): Promise<Figures> {
  const path = `${options.folder}/sessions.jsonl`;
  const store = `file:${path}`;
  const disturbed = await Promise.all(SERVERS.map((name) => Served.start(name, store)));
  const steady = await Served.start("hashcheck", store);
  const run = new Soak(options, { path, disturbed, steady });
  try {
    await run.work();
    await run.killAll();
    await run.verify();
  } finally {
    await run.end();
  }
  await run.inspect();
  return run.figures;
}

/** A client and its current work. */
interface Client {
  readonly server: ServerName;
  readonly caller: Caller;
  worker: Worker | undefined;
}

interface Setting {
  readonly path: string;
  readonly disturbed: readonly Served[];
  readonly steady: Served;
}

class Soak {
  readonly #options: SoakOptions;
  readonly #setting: Setting;
  readonly #clients: Client[];
  readonly figures: Figures = {
    calls: 0,
    acknowledged: 0,
    verified: 0,
    sessions: 0,
    restarts: 0,
    kills: 0,
    mostMiB: 0,
    steadyMiB: { early: 0, now: 0 },
    fileBytes: 0,
    mostFileBytes: 0,
    lost: [],
  };
  readonly #started = Date.now();
  #over = false;

  constructor(options: SoakOptions, setting: Setting) {
    this.#options = options;
    this.#setting = setting;
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => this.#client(index));
  }

  /** Lets clients work and servers die until the time is over. */
  async work(): Promise<void> {
    const { signal, minutes } = this.#options;
    await Promise.all(
      this.#clients.map((client) => this.#guard(client, () => this.#begin(client))),
    );
    const stop = () => this.#over = true;
    signal.addEventListener("abort", stop);
    const timer = setTimeout(stop, minutes * 60_000);
    await Promise.all([
      this.#disturb(),
      this.#watch(),
      ...this.#clients.map((client) => this.#guard(client, () => this.#keepWorking(client))),
    ]);
    clearTimeout(timer);
  }

  /** Kills everything at once, and checks afterwards all that is known. */
  async killAll(): Promise<void> {
    const all = [...this.#setting.disturbed, this.#setting.steady];
    await Promise.all(all.map((served) => served.stop("SIGKILL")));
    this.figures.kills += all.length;
    await Promise.all(all.map((served) => served.start()));
  }

  async verify(): Promise<void> {
    await Promise.all(this.#clients.map((client) => {
      return this.#guard(client, async () => {
        await client.worker?.verify();
        this.#finish(client);
      });
    }));
  }

  /** Ends every process. */
  async end(): Promise<void> {
    await Promise.all(this.#clients.map(({ caller }) => caller.close()));
    const all = [...this.#setting.disturbed, this.#setting.steady];
    await Promise.all(all.map((served) => this.#stop(served)));
  }

  /** Reads the store's file, which the servers have left. */
  async inspect(): Promise<void> {
    using found = inspect(this.#setting.path, Date.now());
    for (const { line, what } of found.faults) {
      this.#lose(`the file is damaged in line ${line}: ${what}`);
    }
    await this.#measureFile();
  }

  #client(index: number): Client {
    const { disturbed, steady } = this.#setting;
    const server = SERVERS[index % SERVERS.length] ?? "hashcheck";
    const { url = "" } = disturbed.find(({ name }) => name === server) ?? {};
    const urls = server === "hashcheck" ? [url, steady.url] : [url];
    const script = new URL(`../../servers/${server}.ts`, import.meta.url);
    const caller = index < RAW
      ? new RawCaller(urls, index >> 2)
      : index < RAW + LIBRARY_HTTP
      ? LibraryCaller.http(url)
      : LibraryCaller.stdio(script.href, `file:${this.#setting.path}`);
    return { server, caller, worker: undefined };
  }

  async #begin(client: Client): Promise<void> {
    await client.caller.renew();
    this.figures.sessions++;
    const random = new Random(this.#options.random.below(2 ** 31));
    client.worker = worker(client.server, client.caller, random);
  }

  async #keepWorking(client: Client): Promise<void> {
    for (let steps = 1; !this.#over; steps++) {
      await client.worker?.step();
      await delay(this.#options.random.below(PAUSE_MS));
      if (steps % STEPS !== 0) continue;
      await client.worker?.verify();
      this.#finish(client);
      await this.#begin(client);
    }
  }

  /** Ends a server every few seconds, by a signal or by a crash. */
  async #disturb(): Promise<void> {
    const { random } = this.#options;
    const stdio = this.#clients.map(({ caller }) => caller).filter((caller) => {
      return caller instanceof LibraryCaller && caller.pid !== undefined;
    });
    while (!this.#over) {
      await delay(500 + random.below(DEATH_MS - 500));
      const signal = random.chance(0.5) ? "SIGTERM" : "SIGKILL";
      const caller = random.chance(0.25) ? random.pick(stdio) : undefined;
      if (caller instanceof LibraryCaller) {
        // Its client restarts it.
        if (!kill(caller.pid, signal)) continue;
      } else {
        const served = random.pick(this.#setting.disturbed);
        if (signal === "SIGTERM") await this.#stop(served);
        else await served.stop(signal);
        await served.start();
      }
      this.figures[signal === "SIGTERM" ? "restarts" : "kills"]++;
    }
  }

  async #stop(served: Served): Promise<void> {
    const { status, stderr } = await served.stop("SIGTERM");
    if (status === 0) return;
    const said = stderr.slice(-5).join(" / ");
    this.#lose(`${served.name} stopped with status ${status}: ${said}`);
  }

  /** Measures, and reports progress. */
  async #watch(): Promise<void> {
    for (let next = 10_000; !this.#over; await delay(200)) {
      const elapsedMs = Date.now() - this.#started;
      if (elapsedMs < next) continue;
      next += 10_000;
      await this.#measure(elapsedMs);
      this.#options.onProgress(this.#sum(), elapsedMs);
    }
  }

  async #measure(elapsedMs: number): Promise<void> {
    const { disturbed, steady } = this.#setting;
    const stdio = this.#clients.map(({ caller }) => {
      return caller instanceof LibraryCaller ? caller.pid : undefined;
    });
    const pids = [...disturbed.map(({ pid }) => pid), ...stdio.filter((pid) => pid !== undefined)];
    const now = await residentMiB(steady.pid) ?? 0;
    const others = await Promise.all(pids.map(residentMiB));
    const { figures } = this;
    figures.mostMiB = Math.max(figures.mostMiB, now, ...others.map((mib) => mib ?? 0));
    figures.steadyMiB.now = now;
    if (elapsedMs <= 70_000) figures.steadyMiB.early = now;
    await this.#measureFile();
  }

  async #measureFile(): Promise<void> {
    const { size } = await Deno.stat(this.#setting.path);
    this.figures.fileBytes = size;
    this.figures.mostFileBytes = Math.max(this.figures.mostFileBytes, size);
  }

  /** Figures that include the current work. */
  #sum(): Figures {
    const sum = { ...this.figures };
    for (const { worker } of this.#clients) if (worker !== undefined) add(sum, worker);
    return sum;
  }

  /** Ends a client's current work. */
  #finish(client: Client): void {
    if (client.worker !== undefined) add(this.figures, client.worker);
    client.worker = undefined;
  }

  #lose(what: string): void {
    this.figures.lost.push(what);
    this.#options.onLoss(what);
  }

  /** Runs a client until it has lost something; the others go on. */
  async #guard(client: Client, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const index = this.#clients.indexOf(client);
      this.#lose(
        `client ${index} (${client.server}): ${error instanceof Error ? error.message : error}`,
      );
      this.#finish(client);
    }
  }
}

/** Kills a process, unless its client is starting it or has seen its end. */
function kill(pid: number | undefined, signal: Deno.Signal): boolean {
  try {
    if (pid === undefined) return false;
    Deno.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function add(sum: Figures, { calls, acknowledged, verified }: Worker): void {
  sum.calls += calls;
  sum.acknowledged += acknowledged;
  sum.verified += verified;
}
