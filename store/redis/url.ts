/**
 * The URL of a store on Redis.
 *
 * @module
 */

/** Where a Redis is, and who opens it. */
export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  /** Whether a Redis that evicts keys is opened too. */
  readonly allowsEvicting: boolean;
}

const DEFAULT_PORT = 6379;

/** @throws {TypeError} that does not show the URL: it may have a password, also where it is malformed. */
export function redisPlace(url: string): RedisPlace {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw malformed("it is no URL (what is no letter or digit in a password is percent-encoded)");
  }
  const { protocol, hostname, port, pathname, searchParams, hash } = parsed;
  if (hostname === "") throw malformed("it has no host");
  if (hash !== "") throw malformed("it has a fragment (a # in a password is written %23)");
  const path = /^\/?(\d{0,5})$/.exec(pathname);
  if (path === null) throw malformed("its path is no number of a database");
  for (const [name, value] of searchParams) {
    if (name !== "evicting" || value !== "allow") {
      throw malformed("its query is not ?evicting=allow");
    }
  }
  const username = decoded(parsed.username);
  const password = decoded(parsed.password);
  if (username !== "" && password === "") throw malformed("it has a user without a password");
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? DEFAULT_PORT : Number(port),
    tls: protocol === "rediss:",
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
    database: Number(path[1]),
    allowsEvicting: searchParams.has("evicting"),
  };
}

/** The place as messages show it. */
export function shownPlace({ host, port }: RedisPlace): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed("its user or password is not percent-encoded");
  }
}

function malformed(why: string): TypeError {
  return new TypeError(
    `Cannot open a store as ${why}: write redis://USER:PASSWORD@HOST:PORT/DATABASE, or rediss:// for ` +
      "TLS, where all but the host may be left out",
  );
}
