/**
 * What the tests ask of a host of MCP servers: to run a model that uses a server, in conversations
 * that can be continued.
 *
 * @module
 */

import { join } from "node:path";
import { denoDir } from "../support/deno_dir.ts";
import type { NpmPackages } from "../support/npm_packages.ts";
import type { Reach } from "../support/servers/separate_runs.ts";
import { Outside } from "./outside.ts";

/** A host that the tests know how to start. */
export interface Host {
  readonly name: string;
  /** Whether its calls tell their conversation, so that the model needs no handle. */
  readonly tellsConversation: boolean;
  start(options: HostOptions): Promise<RunningHost>;
}

/** What a host is started with. */
export interface HostOptions {
  readonly packages: NpmPackages;
  /** Where OpenAI's protocols are spoken. */
  readonly modelUrl: string;
  /** The server named `notebook` in the host's configuration. */
  readonly server: Reach;
  readonly home: Home;
}

/** A host that runs; a host whose every run is a process of its own has nothing to stop. */
export interface RunningHost extends AsyncDisposable {
  /** Begins a conversation with a prompt, or continues one, and waits for the model's last words. */
  say(prompt: string, conversation?: string): Promise<Said>;
}

/** What came of a prompt. */
export interface Said {
  /** What continues the conversation, in another run of the host, too. */
  readonly conversation: string;
  readonly text: string;
}

/** How long a run of a host may take before it counts as hung. */
export const HUNG_MS = 120_000;

/** A folder that a host takes for its user's home, so that it sees and changes nobody's own. */
export class Home implements AsyncDisposable {
  readonly folder: string;
  /** The folder that a host works in. */
  readonly work: string;
  /** The whole environment of a host. */
  readonly env: Readonly<Record<string, string>>;
  /** What Deno needs of the environment for a server, which some hosts hand on nothing of. */
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

  /** What was tried to reach beyond loopback. */
  get triedToReach(): readonly string[] {
    return this.#outside.tried;
  }

  /** Removes the folder, also while servers that a host did not wait for still write to it. */
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
