/** The least that a server has to be allowed, as docs/deploy.md shows it for people. */

import { dirname, join } from "node:path";
import { HOST_SESSION_VARIABLES } from "../../protocol/host_conversations.ts";

/** What the package `pg` reads of the environment and does not start without. */
const PG_VARIABLES = ["PGBINARY", "PGOPTIONS", "PGREPLICATION", "PGSSLNEGOTIATION"];

/** Start of a server, as far as permissions depend on it. */
export interface Started {
  readonly transport: "stdio" | "http";
  /** The store's URL; "" for the default one. */
  readonly store: string;
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
}

/** Permission flags for `deno run`. */
export function leastPrivilege({ transport, store, flags, env, port }: Started): string[] {
  const valueOf = (flag: string) => flags[flags.indexOf(flag, 0) + 1];
  const url = store || env.MCP_SESSIONS_STORE || "";
  const variables = store ? [] : ["MCP_SESSIONS_STORE", "XDG_STATE_HOME", "HOME"];
  // With `--store`, a server on stdio need not read the hosts' variables.
  if (transport === "stdio") {
    variables.push(...HOST_SESSION_VARIABLES.filter((name) => !store || env[name]));
  }
  if (env.OTEL_DENO) variables.push("OTEL_DENO");
  if (env.MCP_SESSIONS_KEYS) variables.push("MCP_SESSIONS_KEYS");
  const folders: string[] = [];
  const hosts: string[] = [];
  const remote = /^kv:(https?:\/\/.*)$/.exec(url)?.[1];
  const path = /^(?:file|kv|sqlite):(?!https?:)(.+)$/.exec(url)?.[1];
  const database = /^(?:redis|postgres):\/\/(?:[^@]*@)?([^/?]+)/.exec(url)?.[1];
  if (database !== undefined) {
    hosts.push(database);
    // The package `pg` does not start without.
    if (url.startsWith("postgres:")) variables.push(...PG_VARIABLES);
  } else if (remote !== undefined) {
    hosts.push(new URL(remote).host);
    variables.push("DENO_KV_ACCESS_TOKEN");
  } else if (path !== undefined) folders.push(dirname(path));
  else if (url === "") folders.push(join(stateFolder(env), "mcp-sessions"));
  if (transport === "http") {
    const host = flags.includes("--host") ? valueOf("--host") ?? "" : "127.0.0.1";
    hosts.push(`${host.includes(":") ? `[${host}]` : host}:${port}`);
  }
  const audit = flags.includes("--audit") ? valueOf("--audit") ?? "-" : "-";
  if (audit !== "-") folders.push(dirname(audit));
  const tokens = flags.includes("--tokens") ? [valueOf("--tokens") ?? ""] : [];
  return [
    "--no-prompt",
    ...allow("env", variables),
    ...allow("read", [...folders, ...tokens]),
    ...allow("write", folders),
    ...allow("net", hosts),
  ];
}

function allow(what: string, which: readonly string[]): string[] {
  return which.length === 0 ? [] : [`--allow-${what}=${which.join(",")}`];
}

function stateFolder(env: Readonly<Record<string, string>>): string {
  const { XDG_STATE_HOME, HOME } = { ...Deno.env.toObject(), ...env };
  return XDG_STATE_HOME || join(HOME ?? "", ".local", "state");
}
