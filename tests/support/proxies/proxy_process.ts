/** A proxy's process: in the foreground, with all that it writes in a temporary folder. */

import type { Proxy } from "./killed_in_turn.ts";

/** A proxy that runs until disposal. */
export abstract class ProxyProcess implements Proxy {
  protected readonly process: Deno.ChildProcess;
  protected readonly folder: string;

  protected constructor(process: Deno.ChildProcess, folder: string) {
    this.process = process;
    this.folder = folder;
  }

  abstract answered(): Promise<Map<string, number>>;

  /** Waits until it listens on a port. */
  protected abstract listens(port: number): Promise<void>;

  /** Waits until it listens on a port, and ends it if it does not. */
  protected async started(port: number): Promise<this> {
    try {
      await this.listens(port);
      return this;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // Workers end with it, which they do not after SIGKILL.
      this.process.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await this.process.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}
