/**
 * Real servers behind a bridge, which tests can kill, and reach without the bridge.
 */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type BridgeHost, Folder } from "./host.ts";
import { Fixture, type Kind } from "../client/client_fixture.ts";
import {
  type HttpServer,
  type Reply,
  type ServerName,
  startServer,
  type WireResult,
} from "../servers/server.ts";
import { writeTokens } from "../servers/tokens.ts";

/** The transports between bridge and server. */
export const WAYS = ["stdio", "http", "stateful"] as const;
export type Way = (typeof WAYS)[number];

/** A server with more tools than ours, and one that shows what it was asked for. */
export const POLICIES = new URL("../../fixtures/policies.ts", import.meta.url);
export const ASKED = new URL("../../fixtures/asked.ts", import.meta.url);

/** A server with a file store: it can be killed, and comes back. */
export class BridgedServer implements AsyncDisposable {
  readonly #server: ServerName | URL;
  readonly #way: Way;
  readonly #folder: Folder;
  #http: HttpServer | undefined;

  private constructor(server: ServerName | URL, way: Way, folder: Folder) {
    this.#server = server;
    this.#way = way;
    this.#folder = folder;
  }

  static async start(server: ServerName | URL, way: Way, folder: Folder): Promise<BridgedServer> {
    const bridged = new BridgedServer(server, way, folder);
    if (way !== "stdio") await bridged.#listen(0);
    return bridged;
  }

  get store(): string {
    return `file:${this.#folder.path}/sessions.jsonl`;
  }

  /** The bridge's arguments for this server. */
  get args(): string[] {
    if (this.#http !== undefined) return ["--url", this.#http.url];
    const script = this.#server instanceof URL
      ? this.#server
      : new URL(`../../../servers/${this.#server}.ts`, import.meta.url);
    const line = [Deno.execPath(), "run", "-A", fileURLToPath(script), "--store", this.store];
    // Writes the process id, for kill().
    return ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', this.#pidFile, ...line];
  }

  async kill(): Promise<void> {
    if (this.#http !== undefined) return void await this.#http.stop("SIGKILL");
    Deno.kill(Number(await Deno.readTextFile(this.#pidFile)), "SIGKILL");
  }

  /** Starts it after a kill. Over stdio, the bridge does that. */
  async startAgain(): Promise<void> {
    if (this.#http !== undefined) await this.#listen(Number(new URL(this.#http.url).port));
  }

  /** Every session of the store, listed without the bridge. */
  async sessions(): Promise<string[]> {
    await using server = await this.beside();
    return (await server.result("session/list")).sessions.map(({ id }) => id);
  }

  /** Ends a session without the bridge. */
  async end(id: string): Promise<void> {
    await using server = await this.beside();
    assertEquals((await server.result("session/delete", { id })).deleted, true);
  }

  /** Another server on the same store, without a bridge. */
  beside() {
    return startServer({
      server: this.#server,
      transport: "stdio",
      store: this.store,
      permissions: ["-A"],
    });
  }

  get #pidFile(): string {
    return `${this.#folder.path}/pid`;
  }

  async #listen(port: number): Promise<void> {
    this.#http = await startServer({
      server: this.#server,
      transport: "http",
      store: this.store,
      flags: this.#way === "stateful" ? ["--stateful"] : [],
      permissions: ["-A"],
      port,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http?.stop("SIGKILL");
  }
}

/** A server that keeps its sessions in memory alone. */
export class ForgetfulServer implements AsyncDisposable {
  readonly #kind: Kind;
  readonly #fixture: Fixture;
  readonly #flags: readonly string[];
  readonly #pidFile: string;

  private constructor(kind: Kind, folder: Folder, flags: readonly string[]) {
    this.#kind = kind;
    this.#flags = flags;
    this.#fixture = new Fixture(kind, flags);
    this.#pidFile = `${folder.path}/pid`;
  }

  static async start(kind: Kind, folder: Folder, ...flags: string[]): Promise<ForgetfulServer> {
    const server = new ForgetfulServer(kind, folder, flags);
    await server.#fixture.start();
    return server;
  }

  /** The bridge's arguments for this server. */
  get args(): string[] {
    if (this.#kind !== "stdio") return ["--url", this.#fixture.url];
    const script = fileURLToPath(new URL("../../fixtures/client/server.ts", import.meta.url));
    const line = [Deno.execPath(), "run", "-A", script, "stdio", ...this.#flags];
    return ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', this.#pidFile, ...line];
  }

  /** Restarts it. Over stdio, the bridge starts it again. */
  async restart(host: BridgeHost): Promise<void> {
    if (this.#kind === "stdio") {
      Deno.kill(Number(await Deno.readTextFile(this.#pidFile)), "SIGKILL");
      await host.reconnected();
    } else {
      await this.#fixture.kill();
      await this.#fixture.start();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#fixture[Symbol.asyncDispose]();
  }
}

/** The session in which a call ran, by its result. */
export function sessionOf({ structuredContent, content }: WireResult): string {
  const { session_id, session } = structuredContent ?? {};
  const nested = typeof session === "object" && session !== null && "id" in session && session.id;
  const id = session_id ?? (nested || /sess-[0-9a-f]{32}/.exec(content[0]?.text ?? "")?.[0]);
  assert(typeof id === "string", `no session in ${JSON.stringify(structuredContent)}`);
  return id;
}

/** Whether a result begins with the notice that its session was lost. */
export function tellsOfReset({ content }: WireResult): boolean {
  return /session .* is gone/.test(content[0]?.text ?? "");
}

/** Starts a notebook over HTTP for the users of these tokens. */
export async function startForUsers(
  folder: Folder,
  tokens: Readonly<Record<string, string>>,
): Promise<HttpServer> {
  const path = `${folder.path}/tokens.txt`;
  await writeTokens(path, tokens);
  return await startServer({
    server: "notebook",
    transport: "http",
    flags: ["--tokens", path],
    permissions: ["-A"],
  });
}

/** Whether a call may have run. */
export function isOutcomeUnknown({ error }: Reply): boolean {
  return error?.data?.reason === "outcome_unknown";
}

/** Declares a test of the bridge before a server. */
export function withBehind(
  name: string,
  server: ServerName,
  way: Way,
  fn: (behind: BridgedServer, folder: Folder) => Promise<void>,
): void {
  Deno.test(`bridge: ${name} (${server}, ${way})`, async () => {
    await using folder = await Folder.create();
    await using behind = await BridgedServer.start(server, way, folder);
    await fn(behind, folder);
  });
}
