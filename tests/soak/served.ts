/** A server process that is killed, restarted and measured while clients use it. */

import { type HttpServer, type ServerName, startServer } from "../support/servers/server.ts";

/** A server over HTTP that is restarted on its port. */
export class Served {
  readonly name: ServerName;
  readonly #store: string;
  #process: HttpServer;

  private constructor(name: ServerName, store: string, process: HttpServer) {
    this.name = name;
    this.#store = store;
    this.#process = process;
  }

  static async start(name: ServerName, store: string): Promise<Served> {
    return new Served(name, store, await startServer({ server: name, transport: "http", store }));
  }

  get url(): string {
    return this.#process.url;
  }

  get pid(): number {
    return this.#process.process.pid;
  }

  /** Ends the process; returns its exit status and its stderr. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<{ status: number; stderr: string[] }> {
    const status = await this.#process.stop(signal);
    return { status, stderr: this.#process.stderr };
  }

  /** Restarts it on the same port. */
  async start(): Promise<void> {
    const port = Number(new URL(this.url).port);
    const options = { server: this.name, transport: "http", store: this.#store, port } as const;
    this.#process = await startServer(options);
  }
}

/** Memory of a process, in MiB; `undefined` if it is unknown. */
export async function residentMiB(pid: number): Promise<number | undefined> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    // The process is gone, or the system has no such files.
    return undefined;
  }
}
