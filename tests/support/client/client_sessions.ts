/** Runs of `client/sessions.ts` as a user starts it, each user with a state folder. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { tempFolder } from "../store/stores.ts";
import { CLEAN_ENV } from "../environment.ts";
import type { ServerName } from "../servers/server.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** More of an id than its beginning. */
export const WHOLE_ID = /sess-[0-9a-f]{9}/;

/** The arguments that name a server over stdio. */
export function overStdio(server: ServerName, store: string): string[] {
  return ["--", Deno.execPath(), "run", "-A", `servers/${server}.ts`, "--store", store];
}

/** The one short id in a text. */
export function shortIn(text: string): string {
  const [id] = /sess-[0-9a-f]{8}\b/.exec(text) ?? [];
  assert(id, `no id in: ${text}`);
  assert(!WHOLE_ID.test(text), `a whole id in: ${text}`);
  return id;
}

/** The outcome of one run. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A user with a new state folder. */
export class User implements AsyncDisposable {
  readonly folder: string;
  readonly #gone: AsyncDisposable;

  private constructor(folder: AsyncDisposable & { readonly path: string }) {
    this.folder = folder.path;
    this.#gone = folder;
  }

  static async create(): Promise<User> {
    return new User(await tempFolder());
  }

  /** The path of the default jar. */
  get jar(): string {
    return `${this.folder}/mcp-sessions/cookies.jsonl`;
  }

  /** Runs a command. */
  run(...args: string[]): Promise<Ran> {
    return this.#start("run", "-A", "client/sessions.ts", ...args);
  }

  /** Runs a command that must succeed, with further arguments of the runtime; its output. */
  async at(runtime: readonly string[], ...args: string[]): Promise<string> {
    const ran = await this.#start("run", "-A", ...runtime, "client/sessions.ts", ...args);
    return outputOf(ran, args);
  }

  /** Runs a command by the task. */
  task(...args: string[]): Promise<Ran> {
    return this.#start("task", "--quiet", "sessions", ...args);
  }

  /** Runs a command that must succeed; its output. */
  async does(...args: string[]): Promise<string> {
    return outputOf(await this.run(...args), args);
  }

  /** Runs a command that must fail with one line; that line. */
  async fails(status: number, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    assertEquals([code, stdout], [status, ""], `${args.join(" ")}: ${stderr}`);
    assertEquals(stderr.match(/\n/g)?.length, 1, `one line, not: ${stderr}`);
    return stderr.trimEnd();
  }

  /** Runs a command that must succeed; its JSON output. */
  async json(...args: string[]) {
    return JSON.parse(await this.does(...args.toSpliced(1, 0, "--json")));
  }

  async #start(...args: string[]): Promise<Ran> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: ROOT,
      env: { ...CLEAN_ENV, XDG_STATE_HOME: this.folder, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  [Symbol.asyncDispose]() {
    return this.#gone[Symbol.asyncDispose]();
  }
}

function outputOf({ code, stdout, stderr }: Ran, args: readonly string[]): string {
  assertEquals([code, stderr], [0, ""], args.join(" "));
  return stdout;
}
