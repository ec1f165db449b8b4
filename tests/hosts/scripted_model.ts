/**
 * A model that plays scripts, so that hosts need no account: an HTTP server on loopback with OpenAI's chat
 * completions and Responses API.
 */

import { type Move, readChat, writeChat } from "./chat_completions.ts";
import { readResponses, writeResponses } from "./responses_api.ts";

/** A tool that a host shows to the model. */
export interface ShownTool {
  readonly name: string;
  /** Its group in the Responses API. */
  readonly namespace?: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A message of the user, or a tool's result. */
export interface Turn {
  readonly role: "user" | "tool";
  readonly text: string;
}

/** A host's request, in the terms that both protocols share. */
export interface Conversation {
  readonly tools: readonly ShownTool[];
  /** Oldest first. */
  readonly turns: readonly Turn[];
}

/** A script's view of the conversation. */
export interface Seen {
  /** Results of this script's calls. */
  readonly results: readonly string[];
  /** All results of the conversation, oldest first. */
  readonly history: readonly string[];
}

/** The model's next move: a call of a server's tool, or its last words. */
export type Step =
  | { readonly tool: string; readonly args?: Readonly<Record<string, unknown>> }
  | { readonly text: string };

/** Chooses the next move. */
export type Script = (seen: Seen) => Step;

/** A host's request to a script. */
export interface Asked extends Seen {
  readonly prompt: string;
  readonly tools: readonly ShownTool[];
}

/** A script of consecutive steps, each chosen by what was seen. */
export function inTurn(...steps: readonly (Step | Script)[]): Script {
  return (seen) => {
    const step = steps[Math.min(seen.results.length, steps.length - 1)];
    if (step === undefined) throw new RangeError("Cannot play a script as it has no steps");
    return typeof step === "function" ? step(seen) : step;
  };
}

/** The model of a test. The prompt names the script that it plays. */
export class ScriptedModel implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scripts = new Map<string, Script>();
  /** Requests with tools, in order. Others, such as for a title, are left out. */
  readonly asked: Asked[] = [];
  /** Faults of requests that could not be answered. */
  readonly faults: string[] = [];

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
  }

  /** Base URL for the host. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/v1`;
  }

  /** Adds a script; returns the prompt that begins it. */
  script(script: Script): string {
    const prompt = `Play the script ${crypto.randomUUID()}.`;
    this.#scripts.set(prompt, script);
    return prompt;
  }

  /** Requests under a prompt. */
  askedFor(prompt: string): readonly Asked[] {
    return this.asked.filter((it) => it.prompt === prompt);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    try {
      const body = await request.json();
      if (pathname === "/v1/chat/completions") {
        return writeChat(this.#next(readChat(body)), body.stream === true);
      }
      if (pathname === "/v1/responses") {
        return writeResponses(this.#next(readResponses(body)));
      }
      throw new Error(`Cannot answer as this path has no meaning: current value is ${pathname}`);
    } catch (error) {
      this.faults.push(`${error}`);
      return new Response(`${error}`, { status: 400 });
    }
  }

  #next({ tools, turns }: Conversation): Move {
    // Hosts also have a model write titles, without tools.
    if (tools.length === 0) return { text: "A title" };
    const begin = turns.findLastIndex(({ role, text }) => role === "user" && this.#named(text));
    const prompt = this.#named(turns[begin]?.text ?? "");
    const script = this.#scripts.get(prompt ?? "");
    if (prompt === undefined || script === undefined) {
      throw new Error("Cannot play as no prompt names a script");
    }
    const texts = (from: number) =>
      turns.slice(from).filter(({ role }) => role === "tool").map(({ text }) => text);
    const seen = { results: texts(begin), history: texts(0) };
    this.asked.push({ ...seen, prompt, tools });
    const step = script(seen);
    if ("text" in step) return step;
    return { tool: findTool(tools, step.tool), args: step.args ?? {} };
  }

  #named(text: string): string | undefined {
    return this.#scripts.keys().find((prompt) => text.includes(prompt));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Finds a server's tool: most hosts prefix its name with the server's. */
export function findTool(tools: readonly ShownTool[], name: string): ShownTool {
  const found = tools.find((tool) => tool.name === name) ??
    tools.find((tool) => tool.name.endsWith(`_${name}`));
  if (found) return found;
  const names = tools.map(({ name }) => name).join(", ");
  throw new Error(`Cannot call ${name} as the host has not shown it: current value is ${names}`);
}
