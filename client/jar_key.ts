/**
 * The name that a jar files a server's cookies under.
 *
 * @module
 */

/**
 * A server's URL without what may be secret in it: its origin and path, as a browser would write
 * them. User, password, query and fragment are left out. What is no URL, such as a command line, is
 * given back as it is.
 */
export function serverName(server: string): string {
  const url = URL.parse(server);
  // "C:\server.exe" and "deno:x" are URLs too, and lead to no host.
  return url?.host ? `${url.protocol}//${url.host}${url.pathname}` : server;
}

/** A command line as a jar has it: nothing is added to it, and nothing left out. */
export function commandName(argv: readonly string[]): string {
  return JSON.stringify(argv);
}
