/** Codex CLI: a prompt is a run of `codex exec`, a conversation is one of its threads. */

import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { type Host, type HostOptions, HUNG_MS, type RunningHost, type Said } from "./host.ts";
import { output } from "../support/output.ts";

/** Codex, which runs tools without approval; `asks` leaves approval to their annotations. */
export function codex({ asks = false } = {}): Host {
  return {
    name: "Codex",
    tellsConversation: true,
    start: async (options) => {
      await Deno.mkdir(folderOf(options), { recursive: true });
      await Deno.writeTextFile(join(folderOf(options), "config.toml"), config(options, asks));
      return new Codex(options);
    },
  };
}

function folderOf({ home }: HostOptions): string {
  return join(home.folder, "codex");
}

/** Configuration. JSON's strings and arrays of strings are TOML. */
function config({ modelUrl, server, home }: HostOptions, asks: boolean): string {
  const text = (value: unknown) => JSON.stringify(value);
  const pairs = (record: Readonly<Record<string, string>>) =>
    `{ ${Object.entries(record).map(([key, it]) => `${key} = ${text(it)}`).join(", ")} }`;
  const reach = server.kind === "url"
    ? [`url = ${text(server.url)}`, `http_headers = ${pairs(server.headers)}`]
    : [
      `command = ${text(server.command[0])}`,
      `args = ${text(server.command.slice(1))}`,
      `env = ${pairs(home.serverEnv)}`,
    ];
  return [
    'model = "scripted"',
    'model_provider = "scripted"',
    "check_for_update_on_startup = false",
    "[analytics]",
    "enabled = false",
    "[features]",
    // At its start, Codex looks for plugins on the network.
    "plugins = false",
    "[model_providers.scripted]",
    'name = "scripted"',
    `base_url = ${text(modelUrl)}`,
    'wire_api = "responses"',
    "[mcp_servers.notebook]",
    ...reach,
    // Codex silently begins without a server that takes longer than a second.
    "required = true",
    `startup_timeout_sec = ${HUNG_MS / 1000}`,
    ...(asks ? [] : ['default_tools_approval_mode = "approve"']),
    "",
  ].join("\n");
}

/** A line of `codex exec --json`. */
interface CodexEvent {
  readonly type: string;
  readonly thread_id?: string;
  readonly item?: { readonly type: string; readonly text?: string };
}

class Codex implements RunningHost {
  readonly #options: HostOptions;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  async say(prompt: string, conversation?: string): Promise<Said> {
    const { packages, home } = this.#options;
    const flags = ["--json", "--skip-git-repo-check"];
    const { code, stdout, stderr } = await output(packages.node, {
      args: [
        await packages.command("@openai/codex", "codex"),
        "exec",
        ...(conversation === undefined ? flags : ["resume", ...flags, conversation]),
        prompt,
      ],
      cwd: home.work,
      clearEnv: true,
      env: { ...home.env, CODEX_HOME: folderOf(this.#options) },
      stdin: "null",
      signal: AbortSignal.timeout(HUNG_MS),
    });
    assertEquals(code, 0, `${stdout}\n${stderr}`);
    const events = stdout.trim().split("\n").map((line): CodexEvent => JSON.parse(line));
    const last = events.findLast(({ item }) => item?.type === "agent_message");
    return {
      conversation: events.find(({ thread_id }) => thread_id !== undefined)?.thread_id ?? "",
      text: last?.item?.text ?? "",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
