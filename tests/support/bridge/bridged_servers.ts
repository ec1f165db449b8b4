/** Real servers behind a bridge, which tests can kill, and reach without the bridge. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BridgeHost } from "./host.ts";
import { Fixture, type Kind } from "../client/client_fixture.ts";
import {
  type HttpServer,
  type ServerName,
  startServer,
  type WireResult,
} from "../servers/server.ts";
import { writeTokens } from "../servers/tokens.ts";
import { type TempFolder, tempFolder } from "../temp_folder.ts";

/** The transports between bridge and server. */
export const WAYS = ["stdio", "http", "stateful"] as const;
export type Way = (typeof WAYS)[number];

/** A server with more tools than ours, and one that shows what it was asked for. */
export const POLICIES = new URL("../../fixtures/policies.ts", import.meta.url);
export const ASKED = new URL("../../fixtures/asked.ts", import.meta.url);

/** A server behind bridges that have one folder: for their jar, and for its process id. */
abstract class ServerBehind implements AsyncDisposable {
  readonly folder: TempFolder;
  readonly #script: URL;

  protected constructor(folder: TempFolder, script: URL) {
    this.folder = folder;
    this.#script = script;
  }

  /** The bridge's arguments for this server. */
  abstract get args(): string[];

  /** The bridge's arguments for a process of this server. */
  protected argsOverStdio(...flags: readonly string[]): string[] {
    const line = [Deno.execPath(), "run", "-A", fileURLToPath(this.#script), ...flags];
    // Writes the process id, for killProcess().
    return ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', this.#pidFile, ...line];
  }

  protected async killProcess(): Promise<void> {
    Deno.kill(Number(await Deno.readTextFile(this.#pidFile)), "SIGKILL");
  }

  /** Starts a bridge with these flags, and initializes it. */
  connect(...flags: readonly string[]): Promise<BridgeHost> {
    return BridgeHost.connect(this.folder, [...flags, ...this.args]);
  }

  get #pidFile(): string {
    return `${this.folder.path}/pid`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

/** A server with a file store: it can be killed, and comes back. */
export class BridgedServer extends ServerBehind {
  readonly #server: ServerName | URL;
  readonly #way: Way;
  #flags: readonly string[];
  #http: HttpServer | undefined;

  private constructor(
    server: ServerName | URL,
    way: Way,
    folder: TempFolder,
    flags: readonly string[],
  ) {
    const script = new URL(`../../../servers/${server}.ts`, import.meta.url);
    super(folder, server instanceof URL ? server : script);
    this.#server = server;
    this.#way = way;
    this.#flags = flags;
  }

  static async start(
    server: ServerName | URL,
    way: Way,
    ...flags: string[]
  ): Promise<BridgedServer> {
    const bridged = new BridgedServer(server, way, await tempFolder(), flags);
    if (way !== "stdio") await bridged.#listen(0);
    return bridged;
  }

  get store(): string {
    return `file:${this.folder.path}/sessions.jsonl`;
  }

  get args(): string[] {
    if (this.#http !== undefined) return ["--url", this.#http.url];
    return this.argsOverStdio("--store", this.store, ...this.#flags);
  }

  async kill(): Promise<void> {
    await (this.#http?.stop("SIGKILL") ?? this.killProcess());
  }

  /** Starts it after a kill, over HTTP with these flags. Over stdio, the bridge does that. */
  async startAgain(...flags: string[]): Promise<void> {
    if (flags.length > 0) this.#flags = flags;
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
    const [server, store] = [this.#server, this.store];
    return startServer({ server, transport: "stdio", store, permissions: ["-A"] });
  }

  async #listen(port: number): Promise<void> {
    this.#http = await startServer({
      server: this.#server,
      transport: "http",
      store: this.store,
      flags: [...this.#flags, ...(this.#way === "stateful" ? ["--stateful"] : [])],
      permissions: ["-A"],
      port,
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#http?.stop("SIGKILL");
    await super[Symbol.asyncDispose]();
  }
}

/** A server that keeps its sessions in memory alone. */
export class ForgetfulServer extends ServerBehind {
  readonly #kind: Kind;
  readonly #fixture: Fixture;
  readonly #flags: readonly string[];

  private constructor(kind: Kind, folder: TempFolder, flags: readonly string[]) {
    super(folder, new URL("../../fixtures/client/server.ts", import.meta.url));
    this.#kind = kind;
    this.#flags = flags;
    this.#fixture = new Fixture(kind, flags);
  }

  static async start(kind: Kind, ...flags: string[]): Promise<ForgetfulServer> {
    const server = new ForgetfulServer(kind, await tempFolder(), flags);
    await server.#fixture.start();
    return server;
  }

  get args(): string[] {
    if (this.#kind !== "stdio") return ["--url", this.#fixture.url];
    return this.argsOverStdio("stdio", ...this.#flags);
  }

  /** Restarts it. Over stdio, the bridge starts it again. */
  async restart(host: BridgeHost): Promise<void> {
    if (this.#kind === "stdio") {
      await this.killProcess();
      await host.reconnected();
    } else {
      await this.#fixture.kill();
      await this.#fixture.start();
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#fixture[Symbol.asyncDispose]();
    await super[Symbol.asyncDispose]();
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
  folder: TempFolder,
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
