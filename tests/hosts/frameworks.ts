/**
 * Frameworks for hosts, each in a program of a few lines for Node. A conversation is its messages, which
 * the program's user keeps.
 */

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { lines } from "../support/lines.ts";
import { type Host, type HostOptions, HUNG_MS, type RunningHost, type Said } from "./host.ts";
import type { Job } from "./program.ts";

/** The Vercel AI SDK, with one client for all calls. */
export const AI_SDK: Host = framework("AI SDK", "./ai_sdk_program.ts", "ai");

/** The Vercel AI SDK with a client, and so a server, for each call. */
export const AI_SDK_PER_CALL: Host = framework(
  "AI SDK with a client for each call",
  "./ai_sdk_program.ts",
  "ai",
  "per-call",
);

/** Mastra. */
export const MASTRA: Host = framework("Mastra", "./mastra_program.ts", "@mastra/core");

function framework(name: string, program: string, beside: string, ...flags: string[]): Host {
  const script = fileURLToPath(new URL(program, import.meta.url));
  return {
    name,
    tellsConversation: false,
    start: ({ packages, modelUrl, server, home }: HostOptions) => {
      const job: Job = { modelUrl, server, env: home.serverEnv, flags, hungMs: HUNG_MS };
      const process = new Deno.Command(packages.node, {
        args: [script, packages.folder(beside), JSON.stringify(job)],
        cwd: home.work,
        clearEnv: true,
        env: { ...home.env, MASTRA_TELEMETRY_DISABLED: "1", NODE_NO_WARNINGS: "1" },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      return Promise.resolve(new Framework(name, process));
    },
  };
}

class Framework implements RunningHost {
  readonly #name: string;
  readonly #process: Deno.ChildProcess;
  readonly #answers: AsyncGenerator<string>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stderr: Promise<string>;
  #hasFailed = false;

  constructor(name: string, process: Deno.ChildProcess) {
    this.#name = name;
    this.#process = process;
    this.#answers = lines(process.stdout);
    this.#stdin = process.stdin.getWriter();
    this.#stderr = new Response(process.stderr).text();
  }

  async say(prompt: string, conversation = "[]"): Promise<Said> {
    const request = JSON.stringify({ prompt, messages: JSON.parse(conversation) });
    await this.#stdin.write(new TextEncoder().encode(`${request}\n`));
    const timer = setTimeout(() => this.#process.kill(), HUNG_MS);
    const { value } = await this.#answers.next();
    clearTimeout(timer);
    if (value === undefined) {
      this.#hasFailed = true;
      throw new Error(`${this.#name} has ended without an answer: ${await this.#stderr}`);
    }
    const { text, messages } = JSON.parse(value);
    return { text, conversation: JSON.stringify(messages) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    for await (const _ of this.#answers);
    const stderr = await this.#stderr;
    const { code } = await this.#process.status;
    if (!this.#hasFailed) assertEquals(code, 0, stderr);
  }
}
