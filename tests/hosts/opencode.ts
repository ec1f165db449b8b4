/**
 * OpenCode: one `opencode serve` for all conversations, which are its sessions, or one `opencode run` for
 * each prompt.
 */

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { lines } from "../support/lines.ts";
import type { NpmPackages } from "../support/npm_packages.ts";
import type { Reach } from "../support/servers/separate_runs.ts";
import { type Host, type HostOptions, HUNG_MS, type RunningHost, type Said } from "./host.ts";

/** OpenCode with all its conversations in one process. */
export const OPENCODE_SERVE: Host = {
  name: "OpenCode",
  tellsConversation: false,
  start: async (options) => {
    const process = command(options, ["serve", "--hostname", "127.0.0.1", "--port", "0"]).spawn();
    const stderr = new Response(process.stderr).text();
    const stdout = lines(process.stdout);
    for (;;) {
      const { done, value } = await stdout.next();
      if (done) throw new Error(`OpenCode did not start: ${await stderr}`);
      const url = /listening on (http:\S+)/.exec(value)?.[1];
      if (url !== undefined) return new Serve(process, stdout, stderr, url);
    }
  },
};

/** OpenCode with a process for each prompt. */
export const OPENCODE_RUN: Host = {
  name: "OpenCode's run",
  tellsConversation: false,
  start: (options) => Promise.resolve(new Run(options)),
};

/**
 * Path of OpenCode's binary, which its package's install script, not run here, would put in place. On
 * x64 this is the binary for older processors.
 */
function program(packages: NpmPackages): string {
  const { os, arch } = Deno.build;
  const system = arch === "x86_64" ? `${os}-x64-baseline` : `${os}-arm64`;
  return join(packages.folder(`opencode-${system}`), "bin", "opencode");
}

function command(options: HostOptions, args: string[], signal?: AbortSignal): Deno.Command {
  const { packages, home } = options;
  return new Deno.Command(program(packages), {
    args,
    cwd: home.work,
    clearEnv: true,
    env: {
      ...home.env,
      OPENCODE_CONFIG_CONTENT: JSON.stringify(config(options)),
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_PROJECT_CONFIG: "1",
      OPENCODE_PURE: "1",
      // It would install a package for plugins into its folder.
      npm_config_offline: "true",
    },
    ...(signal !== undefined && { signal }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

function config({ modelUrl, server, home }: HostOptions): object {
  return {
    model: "scripted/scripted",
    small_model: "scripted/scripted",
    share: "disabled",
    provider: {
      scripted: {
        npm: "@ai-sdk/openai-compatible",
        options: { baseURL: modelUrl, apiKey: "none" },
        models: { scripted: { tool_call: true } },
      },
    },
    mcp: { notebook: serverConfig(server, home.serverEnv) },
  };
}

function serverConfig(server: Reach, environment: object): object {
  const timeout = HUNG_MS;
  switch (server.kind) {
    case "command":
      return { type: "local", command: server.command, environment, timeout };
    case "url":
      return { type: "remote", url: server.url, headers: server.headers, oauth: false, timeout };
  }
}

class Serve implements RunningHost {
  readonly #process: Deno.ChildProcess;
  readonly #stdout: AsyncIterable<string>;
  readonly #stderr: Promise<string>;
  readonly #url: string;

  constructor(
    process: Deno.ChildProcess,
    stdout: AsyncIterable<string>,
    stderr: Promise<string>,
    url: string,
  ) {
    this.#process = process;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#url = url;
  }

  async say(prompt: string, conversation?: string): Promise<Said> {
    const id = conversation ?? (await this.#post<{ id: string }>("/session", {})).id;
    const parts = [{ type: "text", text: prompt }];
    const answer = await this.#post<Answer>(`/session/${id}/message`, { parts });
    assertEquals(answer.info.error, undefined);
    return { conversation: id, text: answer.parts.map(({ text }) => text ?? "").join("") };
  }

  async #post<T>(path: string, body: object): Promise<T> {
    const response = await fetch(this.#url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(HUNG_MS),
    });
    const text = await response.text();
    assert(response.ok, text);
    return JSON.parse(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    for await (const _ of this.#stdout);
    await this.#stderr;
    await this.#process.status;
  }
}

/** OpenCode's answer to a message, with the members that are read. */
interface Answer {
  readonly info: { readonly error?: unknown };
  readonly parts: readonly { readonly text?: string }[];
}

/** A line of `opencode run --format json`. */
interface RunEvent {
  readonly type: string;
  readonly sessionID: string;
  readonly part: { readonly text?: string };
}

class Run implements RunningHost {
  readonly #options: HostOptions;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  async say(prompt: string, conversation?: string): Promise<Said> {
    const session = conversation === undefined ? [] : ["--session", conversation];
    const args = ["run", "--format", "json", ...session, prompt];
    const { code, stdout, stderr } = await command(
      this.#options,
      args,
      AbortSignal.timeout(HUNG_MS),
    ).output();
    const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals(code, 0, `${out}\n${err}`);
    const events = out.trim().split("\n").map((line): RunEvent => JSON.parse(line));
    return {
      conversation: events[0]?.sessionID ?? "",
      text: events.findLast(({ type }) => type === "text")?.part.text ?? "",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
