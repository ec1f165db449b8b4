/**
 * An MCP host under test: runs a model that uses a server, in conversations that can be continued.
 */

import { join } from "node:path";
import { denoDir } from "../support/deno_dir.ts";
import type { NpmPackages } from "../support/npm_packages.ts";
import type { Reach } from "../support/servers/separate_runs.ts";
import { Outside } from "./outside.ts";

/** A host, and how it is started. */
export interface Host {
  readonly name: string;
  /** Whether its calls name their conversation, so that the model needs no handle. */
  readonly tellsConversation: boolean;
  start(options: HostOptions): Promise<RunningHost>;
}

/** Setting of a host. */
export interface HostOptions {
  readonly packages: NpmPackages;
  /** Base URL of the model. */
  readonly modelUrl: string;
  /** The server `notebook` in the host's configuration. */
  readonly server: Reach;
  readonly home: Home;
}

/** A running host. If each prompt is a process of its own, there is nothing to stop. */
export interface RunningHost extends AsyncDisposable {
  /** Begins or continues a conversation with a prompt, and waits for the model's last words. */
  say(prompt: string, conversation?: string): Promise<Said>;
}

/** Outcome of a prompt. */
export interface Said {
  /** Continues the conversation, in another run of the host too. */
  readonly conversation: string;
  readonly text: string;
}

/** Longest run of a host that does not count as hung. */
export const HUNG_MS = 120_000;

/** A temporary home folder for a host. */
export class Home implements AsyncDisposable {
  readonly folder: string;
  /** Working folder of a host. */
  readonly work: string;
  /** Whole environment of a host. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables that Deno needs for a server: some hosts pass on none. */
  readonly serverEnv: Readonly<Record<string, string>>;

  readonly #outside = new Outside();

  private constructor(folder: string, DENO_DIR: string) {
    this.folder = folder;
    this.work = join(folder, "work");
    this.serverEnv = { DENO_DIR, DENO_NO_UPDATE_CHECK: "1" };
    this.env = {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: folder,
      TMPDIR: join(folder, "tmp"),
      XDG_CACHE_HOME: join(folder, "cache"),
      XDG_CONFIG_HOME: join(folder, "config"),
      XDG_DATA_HOME: join(folder, "data"),
      XDG_STATE_HOME: join(folder, "state"),
      NO_COLOR: "1",
      ...this.#outside.env,
    };
  }

  static async create(): Promise<Home> {
    const home = new Home(await Deno.makeTempDir(), await denoDir());
    await Promise.all([home.work, join(home.folder, "tmp")].map((path) => Deno.mkdir(path)));
    return home;
  }

  /** Attempts to reach the network beyond loopback. */
  get triedToReach(): readonly string[] {
    return this.#outside.tried;
  }

  /** Removes the folder, even while servers that a host did not wait for still write to it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#outside[Symbol.asyncDispose]();
    const deadline = Date.now() + HUNG_MS;
    for (;;) {
      try {
        return await Deno.remove(this.folder, { recursive: true });
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}
