/** Two ways to call the tools of a server that may die at any moment, with one type of outcome. */

import { NeverSentError } from "../../client/connection/send_errors.ts";
import { isOutcomeUnknown, sendOnce, type SessionTransport } from "../../client/mod.ts";
import { withSession } from "../../client/mod.ts";
import { CallToolResultSchema, Client, StreamableHTTPClientTransport } from "../../client/sdk.ts";
import { StdioClientTransport } from "../../client/sdk_stdio.ts";
import { DENO_ENV } from "../support/deno_dir.ts";
import { delay } from "./pace.ts";

/** Result of a tool; `undefined` if it is unknown whether the tool ran. */
export type Outcome =
  | { readonly structured: Record<string, unknown>; readonly text: string }
  | undefined;

/** Calls tools in a session of its own. */
export interface Caller {
  /** The session's id. */
  readonly session: string | undefined;
  /** @throws {Error} if the call is refused: no call here deserves that. */
  call(tool: string, args: object): Promise<Outcome>;
  /** Deletes the session and makes a new one. */
  renew(): Promise<void>;
  close(): Promise<void>;
}

// Longest absence of a server that is no failure.
const AWAY_MS = 60_000;

/** Raw JSON-RPC over HTTP. */
export class RawCaller implements Caller {
  readonly #urls: readonly string[];
  #at: number;
  session: string | undefined;

  /** Tries these URLs in turn, from this index on. */
  constructor(urls: readonly string[], at: number) {
    this.#urls = urls;
    this.#at = at;
  }

  async call(name: string, args: object): Promise<Outcome> {
    const _meta = { "mcp/session": { id: this.session } };
    const result = await this.#ask("tools/call", { name, arguments: args, _meta });
    if (result === undefined) return undefined;
    const cookie = Object(Object(result._meta)["mcp/session"]);
    if (typeof cookie.id === "string") this.session = cookie.id;
    return outcomeOf(name, result);
  }

  async renew(): Promise<void> {
    // Deleting is idempotent; a session whose creation was not answered is never used.
    const params = { id: this.session };
    while (this.session && await this.#ask("session/delete", params) === undefined);
    for (;;) {
      const made = await this.#ask("session/create", {});
      if (made === undefined) continue;
      this.session = String(made.id);
      return;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #ask(method: string, params: object): Promise<Record<string, unknown> | undefined> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
    for (const end = Date.now() + AWAY_MS; Date.now() < end; await delay(20)) {
      const url = this.#urls[this.#at % this.#urls.length] ?? "";
      let status: number;
      let text: string;
      try {
        const response = await sendOnce(url, { method: "POST", headers, body });
        status = response.status;
        text = await response.text();
      } catch (error) {
        this.#at++;
        if (error instanceof NeverSentError) continue;
        if (error instanceof TypeError) return undefined;
        throw error;
      }
      if (status === 503) {
        this.#at++;
        continue;
      }
      const { result, error } = JSON.parse(text);
      if (status === 200 && result !== undefined) return result;
      throw new Error(`${method} is answered with ${status} ${JSON.stringify(error ?? text)}`);
    }
    throw new Error(`${method}: no server for ${AWAY_MS / 1000} s`);
  }
}

/** This project's client library, over HTTP or stdio. */
export class LibraryCaller implements Caller {
  readonly #connect: () => StreamableHTTPClientTransport | StdioClientTransport;
  #client = new Client({ name: "soak", version: "1" });
  #transport: SessionTransport | undefined;
  #stdio: StdioClientTransport | undefined;
  #lost = false;

  private constructor(connect: () => StreamableHTTPClientTransport | StdioClientTransport) {
    this.#connect = connect;
  }

  static http(url: string): LibraryCaller {
    return new LibraryCaller(() => {
      return new StreamableHTTPClientTransport(new URL(url), { fetch: sendOnce });
    });
  }

  static stdio(script: string, store: string): LibraryCaller {
    const env = { ...DENO_ENV };
    const args = ["run", "-A", script, "--store", store];
    const command = Deno.execPath();
    const caller: LibraryCaller = new LibraryCaller(() => {
      return caller.#stdio = new StdioClientTransport({ command, args, env, stderr: "ignore" });
    });
    return caller;
  }

  /** Its server's process, over stdio. */
  get pid(): number | undefined {
    return this.#stdio?.pid ?? undefined;
  }

  get session(): string | undefined {
    return this.#transport?.cookie?.id;
  }

  async call(name: string, args: object): Promise<Outcome> {
    try {
      const request = { method: "tools/call", params: { name, arguments: args } };
      const result = await this.#client.request(request, CallToolResultSchema);
      if (this.#lost) throw new Error("The client says that its session is lost");
      return outcomeOf(name, result);
    } catch (error) {
      if (isOutcomeUnknown(error)) return undefined;
      throw error;
    }
  }

  async renew(): Promise<void> {
    for (const end = Date.now() + AWAY_MS;; await delay(100)) {
      await this.close();
      this.#client = new Client({ name: "soak", version: "1" });
      this.#transport = withSession(this.#connect, {
        reconnectMs: AWAY_MS,
        establishMs: AWAY_MS,
        onsession: ({ type }) => {
          if (type === "lost") this.#lost = true;
        },
      });
      try {
        return await this.#client.connect(this.#transport);
      } catch (error) {
        // The library never retries a first connection: the address might be wrong.
        if (Date.now() > end) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

function outcomeOf(name: string, result: Record<string, unknown>): Outcome {
  if (result.isError === true) throw new Error(`${name} failed: ${JSON.stringify(result.content)}`);
  const [{ text = "" } = {}] = Array.isArray(result.content) ? result.content : [];
  return { structured: Object(result.structuredContent), text };
}
