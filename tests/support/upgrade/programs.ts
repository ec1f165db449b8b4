/**
 * Programs of one version of the project, which leave sessions in a store or a jar, or find those of
 * another version.
 */

import { assert, assertEquals } from "@std/assert";
import { lines } from "../lines.ts";
import {
  HttpServer,
  INITIALIZE,
  messagesOf,
  post,
  StdioServer,
  type WireResult,
} from "../servers/server.ts";
import { bearer, writeTokens } from "../servers/tokens.ts";
import { CLEAN_ENV } from "../environment.ts";
import type { Gone, JarWay, Look, Way } from "./ways.ts";
import { output } from "../output.ts";

// Far in the future, so that a fixture does not expire.
const TTL = ["--ttl", "36500d"];
/** A URL that leads somewhere only through a proxy. */
const SERVER_URL = "http://notebook.example/mcp";

/** Programs of one version, on one store and one jar. */
export class Programs {
  readonly #root: URL;
  readonly #folder: string;
  readonly #store: string;

  /** `folder` is the state directory with the jar, and a working folder. */
  constructor(root: URL, folder: string, store: string) {
    this.#root = root;
    this.#folder = folder;
    this.#store = store;
  }

  /** Makes a session in a way, and records its state. */
  async make({ calls, ...way }: Way): Promise<Gone> {
    await using caller = await this.#caller(way);
    const made = way.by === undefined ? undefined : await caller.request("session/create", {
      hints: { label: way.what },
    });
    let id = made?.id;
    for (const [tool, args] of calls) id = sessionOf(await caller.call(tool, args, id));
    assert(id !== undefined);
    const looks: Look[] = [];
    for (const [tool, args] of way.looks) {
      looks.push([tool, args, (await caller.call(tool, args, id)).structuredContent]);
    }
    return { ...way, id, looks };
  }

  /** Finds a session again, and compares its state. */
  async find({ id, ...way }: Gone): Promise<void> {
    await using caller = await this.#caller(way);
    for (const [tool, args, answer] of way.looks) {
      const result = await caller.call(tool, args, id);
      assertEquals(sessionOf(result), id, way.what);
      // Every recorded look has been a call.
      const counted = { ...Object(answer) };
      for (const name of ["tool_calls", "calls"]) {
        if (typeof counted[name] === "number") counted[name] += way.looks.length;
      }
      assertEquals(result.structuredContent, counted, way.what);
    }
  }

  /** Writes the texts of a jar's way into its notebook. */
  async fill(way: JarWay): Promise<void> {
    await this.#withJar(way, way.texts.map((text) => ["notebook_append", { text }]));
  }

  /** Finds a session by the jar, and compares its texts. */
  async refind(way: JarWay): Promise<void> {
    const [read] = await this.#withJar(way, [["notebook_read", {}]]);
    const found = Object(read?.structuredContent).notes.map(({ text }: { text: string }) => text);
    assertEquals(found, way.texts, way.what);
  }

  async #withJar(way: JarWay, calls: readonly Look[]): Promise<WireResult[]> {
    const { program, flags, url, meta } = way;
    await using behind = url === true ? await Behind.start(this, this.#root) : undefined;
    // The command line, under which the jar files cookies, must not depend on this machine.
    const server = url === true
      ? ["--url", SERVER_URL]
      : ["--", "sh", "-c", 'exec "$DENO" run -A "$NOTEBOOK" --ttl 36500d'];
    const env = {
      ...this.env(),
      DENO: Deno.execPath(),
      NOTEBOOK: new URL("servers/notebook.ts", this.#root).href,
      ...behind?.env,
    };
    const script = new URL(`client/${program}.ts`, this.#root).href;
    if (program === "bridge") {
      await using host = new StdioServer(spawn(["run", "-A", script, ...flags, ...server], env));
      await host.initialize();
      const results = [];
      for (const [name, args] of calls) {
        results.push(await host.result("tools/call", { name, arguments: args, _meta: meta }));
      }
      assertEquals(await host.endInput(), 0);
      return results;
    }
    const results = [];
    for (const [tool, args] of calls) {
      const command = ["call", tool, JSON.stringify(args), "--json", ...flags, ...server];
      const { code, stdout, stderr } = await output(Deno.execPath(), {
        args: ["run", "-A", script, ...command],
        env,
      });
      assertEquals(code, 0, stderr);
      results.push(JSON.parse(stdout));
    }
    return results;
  }

  env(): Record<string, string> {
    return {
      ...CLEAN_ENV,
      XDG_STATE_HOME: this.#folder,
      MCP_SESSIONS_STORE: this.#store,
      NO_COLOR: "1",
    };
  }

  async #caller(way: Omit<Way, "calls">): Promise<Caller> {
    const { server, flags = [], env = {}, token, meta = {}, by } = way;
    const script = new URL(`servers/${server}.ts`, this.#root).href;
    const args = ["run", "-A", script, ...TTL, ...flags];
    const all = { ...this.env(), ...env };
    const present = (id: string | undefined) => ({
      args: by === "handle" && id !== undefined ? { session: id } : {},
      meta: by === "cookie" && id !== undefined ? { "mcp/session": { id } } : {},
    });
    if (token === undefined) {
      const process = new StdioServer(spawn(args, all));
      await process.initialize();
      return new Caller(process, (method, params) => process.result(method, params), present, meta);
    }
    const tokens = `${this.#folder}/tokens`;
    await writeTokens(tokens, { [token]: "ann" });
    const http = await listening([...args, "--tokens", tokens], all);
    const request = async (method: string, params: object) => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
      const reply = (await messagesOf(await post(http.url, body, bearer(token)))).at(-1);
      assert(reply?.result, `${method} was answered with ${JSON.stringify(reply?.error)}`);
      return reply.result;
    };
    await request("initialize", INITIALIZE);
    return new Caller(http, request, present, meta);
  }
}

type Request = (method: string, params: object) => Promise<WireResult>;
type Present = (id: string | undefined) => { readonly args: object; readonly meta: object };

/** A caller of a server's tools, in a way. */
class Caller implements AsyncDisposable {
  readonly #server: AsyncDisposable;
  readonly request: Request;
  readonly #present: Present;
  readonly #meta: object;

  constructor(server: AsyncDisposable, request: Request, present: Present, meta: object) {
    this.#server = server;
    this.request = request;
    this.#present = present;
    this.#meta = meta;
  }

  async call(name: string, args: object, id: string | undefined): Promise<WireResult> {
    const presented = this.#present(id);
    const result = await this.request("tools/call", {
      name,
      arguments: { ...args, ...presented.args },
      _meta: { ...this.#meta, ...presented.meta },
    });
    assert(result.isError !== true, JSON.stringify(result.content));
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** A notebook over HTTP, and a proxy that leads to it from a made-up URL. */
class Behind implements AsyncDisposable {
  readonly #server: HttpServer;
  readonly #proxy: Deno.HttpServer<Deno.NetAddr>;

  private constructor(server: HttpServer) {
    this.#server = server;
    this.#proxy = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
      const headers = new Headers(request.headers);
      headers.delete("host");
      return fetch(server.url, { method: request.method, headers, body: request.body });
    });
  }

  static async start(programs: Programs, root: URL): Promise<Behind> {
    const script = new URL("servers/notebook.ts", root).href;
    return new Behind(await listening(["run", "-A", script, ...TTL], programs.env()));
  }

  get env(): Record<string, string> {
    return { HTTP_PROXY: `http://127.0.0.1:${this.#proxy.addr.port}`, NO_PROXY: "" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#proxy.shutdown();
  }
}

function spawn(args: readonly string[], env: Record<string, string>): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function listening(
  args: readonly string[],
  env: Record<string, string>,
): Promise<HttpServer> {
  const process = spawn([...args, "--transport", "streamable-http", "--port", "0"], env);
  const stderr = lines(process.stderr);
  for (;;) {
    const { done, value } = await stderr.next();
    if (done) throw new Error("The server did not start");
    const url = /listening on (http:\S+)/.exec(value)?.[1];
    if (url !== undefined) return new HttpServer(process, stderr, url);
  }
}

function sessionOf(result: WireResult): string | undefined {
  return result._meta?.["mcp/session"]?.id;
}
