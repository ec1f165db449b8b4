/**
 * The server key, under which a jar files a server's cookies, and the redaction of URLs.
 *
 * @module
 */

import { resolve } from "node:path";
import { sha256 } from "../../runtime/sha256.ts";

/** A key with a query. No URL contains a space, so none looks like one. */
const WITH_QUERY = /^(\S+:\/\/\S+) \(query [0-9a-f]{16}\)$/;

/**
 * The key of a server's URL: its normalized origin and path, and a hash of its query, which may tell
 * servers apart and may be secret. User, password and fragment are left out. A text that is no URL,
 * such as a command line or a key, is returned unchanged.
 */
export function serverKey(server: string): string {
  const url = WITH_QUERY.test(server) ? undefined : urlWithHost(server);
  if (!url) return server;
  const base = originAndPath(url);
  if (url.search === "") return base;
  return `${base} (query ${sha256(base + url.search).slice(0, 16)})`;
}

/** Redacts a URL to its origin and path, which hold no secrets. Returns any other text unchanged. */
export function redactUrl(server: string): string {
  const url = urlWithHost(server);
  return url ? originAndPath(url) : server;
}

/** The key of the same URL without its query; `undefined` for a key without one. */
export function keyWithoutQuery(key: string): string | undefined {
  return WITH_QUERY.exec(key)?.[1];
}

/** The URL in a text, if it has a host: "C:\\server.exe" and "deno:x" parse as URLs without one. */
function urlWithHost(server: string): URL | undefined {
  const url = URL.parse(server);
  return url?.host ? url : undefined;
}

function originAndPath({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/** The key of a command line, with absolute paths, so that it is the same from any folder. */
export function commandKey([command = "", ...args]: readonly string[]): string {
  // A command without a slash is looked up in the PATH.
  return JSON.stringify([isPath(command) ? absolute(command) : command, ...args.map(absolute)]);
}

function absolute(argument: string): string {
  const [, flag = "", value = ""] = /^(-[^=]*=)?(.*)$/s.exec(argument) ?? [];
  try {
    const { isFile } = Deno.statSync(value);
    // A folder may have the name of a subcommand.
    return isFile || isPath(value) ? flag + resolve(value) : argument;
  } catch {
    return argument;
  }
}

function isPath(text: string): boolean {
  return text.includes("/") || text === "." || text === "..";
}
