/**
 * The name that a jar files a server's cookies under.
 *
 * @module
 */

import { resolve } from "node:path";
import { sha256 } from "../../runtime/sha256.ts";

/** A name with a query. No URL has a space in it, so none is taken for one. */
const WITH_QUERY = /^(\S+:\/\/\S+) \(query [0-9a-f]{16}\)$/;

/**
 * The name of a server's URL: its origin and path, as a browser would write them, and a hash of its
 * query, which may tell servers apart and may be secret. User, password and fragment are left out.
 * What is no URL, such as a command line or a name already, is given back as it is.
 */
export function serverName(server: string): string {
  const url = WITH_QUERY.test(server) ? undefined : hostUrl(server);
  if (!url) return server;
  const place = placeOf(url);
  if (url.search === "") return place;
  return `${place} (query ${sha256(place + url.search).slice(0, 16)})`;
}

/** A URL's origin and path, for people: nothing that may be secret. Any other text as it is. */
export function serverPlace(server: string): string {
  const url = hostUrl(server);
  return url ? placeOf(url) : server;
}

/** The name of the same URL without a query; `undefined` for a name without one. */
export function nameWithoutQuery(name: string): string | undefined {
  return WITH_QUERY.exec(name)?.[1];
}

/** "C:\\server.exe" and "deno:x" are URLs too, and lead to no host. */
function hostUrl(server: string): URL | undefined {
  const url = URL.parse(server);
  return url?.host ? url : undefined;
}

function placeOf({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/**
 * A command line as a jar has it: nothing is left out, and what names a file or a folder names the
 * same one wherever the command is given.
 */
export function commandName([command = "", ...args]: readonly string[]): string {
  // One without a slash is looked for in the PATH.
  return JSON.stringify([isPath(command) ? wherever(command) : command, ...args.map(wherever)]);
}

function wherever(argument: string): string {
  const [, flag = "", value = ""] = /^(-[^=]*=)?(.*)$/s.exec(argument) ?? [];
  try {
    const { isFile } = Deno.statSync(value);
    // A folder may happen to have the name of a subcommand.
    return isFile || isPath(value) ? flag + resolve(value) : argument;
  } catch {
    return argument;
  }
}

function isPath(text: string): boolean {
  return text.includes("/") || text === "." || text === "..";
}
