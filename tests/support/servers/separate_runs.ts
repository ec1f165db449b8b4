/**
 * One suite for every client without sessions: notebook and hashcheck keep their state, though each
 * call has a client and a server of its own.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  type ServerName,
  startServer,
  type TransportName,
  TRANSPORTS,
  type WireResult,
} from "./server.ts";
import { bearer, writeTokens } from "./tokens.ts";

/** The way to a server: a command to run, or a URL. */
export type Reach =
  | { readonly kind: "command"; readonly command: readonly string[] }
  | {
    readonly kind: "url";
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
  };

/** A tool call that any client can make. */
export interface ToolCall {
  readonly name: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly meta?: Readonly<Record<string, string>>;
}

/** Runs a client once, from start to end, with its files in the folder `home`. */
export type RunClient = (reach: Reach, call: ToolCall, home: string) => Promise<WireResult>;

/** Options of the server, and of a bridge in front of it. */
interface RunOptions {
  readonly flags?: readonly string[];
  /** The bridge's flags; without them there is no bridge. */
  readonly bridge?: readonly string[];
}

const TOKEN = "a-token";

export function scriptOf(server: ServerName): string {
  return fileURLToPath(new URL(`../../../servers/${server}.ts`, import.meta.url));
}

export const BRIDGE = fileURLToPath(new URL("../../../client/bridge.ts", import.meta.url));

/** A folder with a server's store, all that runs have in common. */
export class Place implements AsyncDisposable {
  readonly transport: TransportName;
  /** The file with the token of clients over HTTP. */
  readonly tokens: string;
  readonly #server: ServerName;
  readonly #run: RunClient;
  readonly #folder: string;
  readonly #flags: readonly string[];
  #port = 0;

  private constructor(
    server: ServerName,
    transport: TransportName,
    run: RunClient,
    folder: string,
    flags: readonly string[],
  ) {
    this.transport = transport;
    this.tokens = `${folder}/tokens`;
    this.#server = server;
    this.#run = run;
    this.#folder = folder;
    this.#flags = flags;
  }

  /** Makes a place; `flags` are those of each server, beside a run's own. */
  static async create(
    server: ServerName,
    transport: TransportName,
    run: RunClient,
    flags: readonly string[] = [],
  ) {
    const place = new Place(server, transport, run, await Deno.makeTempDir(), flags);
    await writeTokens(place.tokens, { [TOKEN]: "alice" });
    return place;
  }

  /** Starts server and client, calls a tool, and returns the result when both have ended. */
  async run(call: ToolCall, { flags: own = [], bridge }: RunOptions = {}): Promise<WireResult> {
    const flags = [...this.#flags, ...own];
    const reach = async (server: Reach): Promise<WireResult> => {
      return await this.#run(bridge ? bridged(server, bridge) : server, call, this.#folder);
    };
    const store = `file:${this.#folder}/sessions.jsonl`;
    if (this.transport === "stdio") {
      const script = scriptOf(this.#server);
      const command = [Deno.execPath(), "run", "-A", script, "--store", store, ...flags];
      return await reach({ kind: "command", command });
    }
    await using server = await startServer({
      server: this.#server,
      transport: "http",
      store,
      flags,
      port: this.#port,
    });
    this.#port = Number(new URL(server.url).port);
    return await reach({ kind: "url", url: server.url, headers: bearer(TOKEN) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function bridged(server: Reach, flags: readonly string[]): Reach {
  const behind = server.kind === "url" ? ["--url", server.url] : ["--", ...server.command];
  return { kind: "command", command: [Deno.execPath(), "run", "-A", BRIDGE, ...flags, ...behind] };
}

/** Calls tools in one session, each call in a run of its own. */
export type Calls = (name: string, args?: Readonly<Record<string, string>>) => Promise<WireResult>;

/** A way in which calls find their session. */
export interface Way {
  readonly name: string;
  readonly transports: readonly TransportName[];
  readonly begin: (place: Place, who: string) => Calls | Promise<Calls>;
}

/** By a handle, made by the first call. */
export const BY_HANDLE: Way = {
  name: "by a handle",
  transports: TRANSPORTS,
  begin: async (place, who) => {
    const flags = ["--handles"];
    const made = await place.run({ name: "session_create", args: { title: who } }, { flags });
    const { session } = made.structuredContent;
    assert(typeof session === "string");
    return (name, args) => place.run({ name, args: { ...args, session } }, { flags });
  },
};

const conversation = (id: string) => ({ "vscode.conversationId": id });

/** Over HTTP, with an authenticated caller. */
const BY_CONVERSATION: Way = {
  name: "by a conversation",
  transports: TRANSPORTS,
  begin: (place, who) => {
    const flags = place.transport === "http" ? ["--tokens", place.tokens] : [];
    return (name, args = {}) => place.run({ name, args, meta: conversation(who) }, { flags });
  },
};

const BY_NAME: Way = {
  name: "by --session",
  transports: ["stdio"],
  begin: (place, who) => (name, args = {}) => {
    return place.run({ name, args }, { flags: ["--session", who] });
  },
};

export const BRIDGED_BY_NAME: Way = {
  name: "through the bridge by --session",
  transports: TRANSPORTS,
  begin: (place, who) => (name, args = {}) => {
    return place.run({ name, args }, { bridge: ["--session", who] });
  },
};

const BRIDGED_BY_CONVERSATION: Way = {
  name: "through the bridge by a conversation",
  transports: TRANSPORTS,
  begin: (place, who) => (name, args = {}) => {
    return place.run({ name, args, meta: conversation(who) }, { bridge: [] });
  },
};

const WAYS = [BY_HANDLE, BY_CONVERSATION, BY_NAME, BRIDGED_BY_NAME, BRIDGED_BY_CONVERSATION];

export function testSeparateRuns(client: string, run: RunClient): void {
  for (const { name, transports, begin } of WAYS) {
    for (const transport of transports) {
      Deno.test(`${client}: state outlives client and server, found ${name} (${transport})`, async () => {
        await keepsNotes(begin, await Place.create("notebook", transport, run));
        await keepsHashes(begin, await Place.create("hashcheck", transport, run));
      });
    }
  }
}

async function keepsNotes(begin: Way["begin"], place: Place): Promise<void> {
  await using _place = place;
  const [one, two] = [await begin(place, "one"), await begin(place, "two")];
  await one("notebook_append", { text: "milk" });
  await two("notebook_append", { text: "bread" });
  assertEquals((await one("notebook_read")).content[0]?.text, "1. milk");
  assertEquals((await two("notebook_read")).content[0]?.text, "1. bread");
}

async function keepsHashes(begin: Way["begin"], place: Place): Promise<void> {
  await using _place = place;
  const calls = await begin(place, "one");
  await calls("hashcheck_store", { key: "k", text: "v" });
  const verified = await calls("hashcheck_verify", { key: "k", text: "v" });
  assertMatch(verified.content[0]?.text ?? "", /^MATCH/);
}
