/**
 * Real servers behind a bridge: they can be killed, and looked into without it.
 */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { BridgeHost, Folder } from "./host.ts";
import { Fixture, type Kind } from "../client/client_fixture.ts";
import {
  type HttpServer,
  type ServerName,
  startServer,
  type WireResult,
} from "../servers/server.ts";

/** How the servers behind the bridge are reached. */
export const WAYS = ["stdio", "http", "stateful"] as const;
export type Way = (typeof WAYS)[number];

/** A server behind the bridge with a store in a file: it can be killed, and comes back. */
export class Behind implements AsyncDisposable {
  readonly #server: ServerName | URL;
  readonly #way: Way;
  readonly #folder: Folder;
  #http: HttpServer | undefined;

  private constructor(server: ServerName | URL, way: Way, folder: Folder) {
    this.#server = server;
    this.#way = way;
    this.#folder = folder;
  }

  static async start(server: ServerName | URL, way: Way, folder: Folder): Promise<Behind> {
    const behind = new Behind(server, way, folder);
    if (way !== "stdio") await behind.#listen(0);
    return behind;
  }

  get store(): string {
    return `file:${this.#folder.path}/sessions.jsonl`;
  }

  /** What the bridge is started with. */
  get args(): string[] {
    if (this.#http !== undefined) return ["--url", this.#http.url];
    const script = this.#server instanceof URL
      ? this.#server
      : new URL(`../../../servers/${this.#server}.ts`, import.meta.url);
    const line = [Deno.execPath(), "run", "-A", fileURLToPath(script), "--store", this.store];
    // The process that is started last is the one to be killed.
    return ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', this.#pidFile, ...line];
  }

  async kill(): Promise<void> {
    if (this.#http !== undefined) return void await this.#http.stop("SIGKILL");
    Deno.kill(Number(await Deno.readTextFile(this.#pidFile)), "SIGKILL");
  }

  /** Over stdio, the bridge does that. */
  async startAgain(): Promise<void> {
    if (this.#http !== undefined) await this.#listen(Number(new URL(this.#http.url).port));
  }

  /** All sessions of the store, as a server tells them that the bridge has nothing to do with. */
  async sessions(): Promise<string[]> {
    await using server = await this.beside();
    return (await server.result("session/list")).sessions.map(({ id }) => id);
  }

  /** Ends a session without the bridge. */
  async end(id: string): Promise<void> {
    await using server = await this.beside();
    assertEquals((await server.result("session/delete", { id })).deleted, true);
  }

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

/** A server behind the bridge that keeps its sessions in memory alone. */
export class Forgetful implements AsyncDisposable {
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

  static async start(kind: Kind, folder: Folder, ...flags: string[]): Promise<Forgetful> {
    const server = new Forgetful(kind, folder, flags);
    await server.#fixture.start();
    return server;
  }

  /** What the bridge is started with. */
  get args(): string[] {
    if (this.#kind !== "stdio") return ["--url", this.#fixture.url];
    const script = fileURLToPath(new URL("../../fixtures/client/server.ts", import.meta.url));
    const line = [Deno.execPath(), "run", "-A", script, "stdio", ...this.#flags];
    return ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', this.#pidFile, ...line];
  }

  /** Kills it, and starts it again where the bridge does not. */
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

/** The session that a result says its call ran in. */
export function sessionOf({ structuredContent, content }: WireResult): string {
  const { session_id, session } = structuredContent ?? {};
  const nested = typeof session === "object" && session !== null && "id" in session && session.id;
  const id = session_id ?? (nested || /sess-[0-9a-f]{32}/.exec(content[0]?.text ?? "")?.[0]);
  assert(typeof id === "string", `no session in ${JSON.stringify(structuredContent)}`);
  return id;
}

/** Does this result begin with the notice that the state was reset? */
export function tellsOfReset({ content }: WireResult): boolean {
  return /session .* is gone/.test(content[0]?.text ?? "");
}
