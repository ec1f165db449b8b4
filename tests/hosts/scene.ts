/** A host's home, its model, and the store of its server. */

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import type { NpmPackages } from "../support/npm_packages.ts";
import { BRIDGE, type Reach, scriptOf } from "../support/servers/separate_runs.ts";
import { startServer } from "../support/servers/server.ts";
import { bearer, writeTokens } from "../support/servers/tokens.ts";
import { Home, type Host, type RunningHost, type Said } from "./host.ts";
import { type Script, ScriptedModel } from "./scripted_model.ts";

/** Scene of a host's runs. */
export class Scene implements AsyncDisposable {
  readonly model = new ScriptedModel();
  readonly #host: Host;
  readonly #packages: NpmPackages;
  readonly #home: Home;
  #port = 0;

  private constructor(host: Host, packages: NpmPackages, home: Home) {
    this.#host = host;
    this.#packages = packages;
    this.#home = home;
  }

  static async create(host: Host, packages: NpmPackages): Promise<Scene> {
    return new Scene(host, packages, await Home.create());
  }

  /** README's line. Hosts that filter the environment need `--store`. */
  get plainLine(): Reach {
    const store = `file:${join(this.#home.folder, "notebook.jsonl")}`;
    return {
      kind: "command",
      command: [Deno.execPath(), "run", "-A", scriptOf("notebook"), "--store", store],
    };
  }

  /** The bridge before a server. */
  bridged(server: Reach): Reach {
    const behind = server.kind === "url" ? ["--url", server.url] : ["--", ...server.command];
    return { kind: "command", command: [Deno.execPath(), "run", "-A", BRIDGE, ...behind] };
  }

  /** Runs a function beside a server over HTTP, on the same store and port each time. */
  async overHttp(
    use: (server: Reach & { kind: "url" }) => Promise<void>,
    flags: string[] = [],
  ): Promise<void> {
    await using server = await startServer({
      server: "notebook",
      transport: "http",
      store: `file:${join(this.#home.folder, "http.jsonl")}`,
      flags,
      port: this.#port,
    });
    this.#port = Number(new URL(server.url).port);
    await use({ kind: "url", url: server.url, headers: {} });
  }

  /** Does the same for callers with tokens; the function gets the entry of each. */
  async withTokens(
    use: (as: (principal: "alice" | "bob") => Reach) => Promise<void>,
  ): Promise<void> {
    const tokens = join(this.#home.folder, "tokens");
    const tokenOf = (principal: string) => `token-of-${principal}`;
    await writeTokens(tokens, { [tokenOf("alice")]: "alice", [tokenOf("bob")]: "bob" });
    await this.overHttp(
      (server) => use((principal) => ({ ...server, headers: bearer(tokenOf(principal)) })),
      ["--tokens", tokens],
    );
  }

  /** Starts the host for a function, and ends it. */
  async run(server: Reach, use: (say: Say) => Promise<void>): Promise<void> {
    {
      await using running = await this.#host.start({
        packages: this.#packages,
        modelUrl: this.model.url,
        server,
        home: this.#home,
      });
      await use((script, conversation) => this.#say(running, script, conversation));
    }
    assertEquals(this.#home.triedToReach, []);
  }

  async #say(running: RunningHost, script: Script, conversation?: string): Promise<Said> {
    try {
      return await running.say(this.model.script(script), conversation);
    } finally {
      // A fault of the script says more than the host's error.
      assertEquals(this.model.faults, []);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.model[Symbol.asyncDispose]();
    await this.#home[Symbol.asyncDispose]();
  }
}

/** Has a host's model play a script, in a new conversation or in a given one. */
export type Say = (script: Script, conversation?: string) => Promise<Said>;
