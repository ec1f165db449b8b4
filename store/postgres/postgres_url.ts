/**
 * URLs of PostgreSQL, as `libpq` has them: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`. No
 * message tells the user or the password.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { StoreError } from "../session_store.ts";

/** What a pool connects with. */
export interface PostgresAddress {
  /** The database, as it begins a sentence. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: Tls | undefined;
}

export interface Tls {
  /** Whether the server's certificate is checked, and whether its name is. */
  readonly checks: "nothing" | "authority" | "all";
  /** The path of the certificate of an authority. */
  readonly authority: string | undefined;
}

const DEFAULT_PORT = 5432;
const PARAMETERS = new Set(["sslmode", "sslrootcert"]);
const CHECKS = { "require": "nothing", "verify-ca": "authority", "verify-full": "all" } as const;

/** @throws {TypeError} if the URL is none that can be opened. */
export function parsePostgresUrl(text: string): PostgresAddress {
  const { username, password, hostname, port, pathname, searchParams } = parse(text);
  const other = [...searchParams.keys()].find((key) => !PARAMETERS.has(key));
  if (other !== undefined) {
    throw cannotOpen(`it knows no parameter ${JSON.stringify(other.slice(0, 40))}`);
  }
  const database = decode(pathname.slice(1)) || decode(username);
  if (username === "") throw cannotOpen("it names no user");
  // With a slash, it is the folder of a socket.
  const host = decode(hostname).replace(/^\[|\]$/g, "") || "localhost";
  const number = port === "" ? DEFAULT_PORT : Number(port);
  return {
    // A database without a name has that of its user.
    name: `PostgreSQL at ${host}:${number}${pathname.length > 1 ? `/${database}` : ""}`,
    host,
    port: number,
    user: decode(username),
    password: password === "" ? undefined : decode(password),
    database,
    tls: tlsOf(searchParams),
  };
}

function tlsOf(parameters: URLSearchParams): Tls | undefined {
  const mode = parameters.get("sslmode") ?? "disable";
  const authority = parameters.get("sslrootcert") ?? undefined;
  if (mode === "disable") {
    if (authority === undefined) return undefined;
    throw cannotOpen("sslrootcert needs sslmode=verify-full");
  }
  if (!Object.hasOwn(CHECKS, mode)) {
    throw cannotOpen("its sslmode is none of disable, require, verify-ca and verify-full");
  }
  return { checks: CHECKS[mode as keyof typeof CHECKS], authority };
}

/** The options of a TLS connection. */
export function tlsOptions({ checks, authority }: Tls) {
  return {
    rejectUnauthorized: checks !== "nothing",
    ...(checks === "authority" ? { checkServerIdentity: () => undefined } : {}),
    ...(authority === undefined ? {} : { ca: readAuthority(authority) }),
  };
}

function readAuthority(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new StoreError(
      "unavailable",
      "Cannot read the certificate that sslrootcert names: see the path, and its permissions",
    );
  }
}

function parse(text: string): URL {
  // Its own error would show the URL.
  const url = URL.parse(text);
  if (url === null) {
    throw cannotOpen(
      "it is no URL (signs such as @ and / in a password are written as %40 and %2F)",
    );
  }
  return url;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw cannotOpen("it has a % that begins no sign (% itself is written as %25)");
  }
}

function cannotOpen(why: string): TypeError {
  return new TypeError(
    `Cannot open PostgreSQL by its URL as ${why}: write ` +
      "postgres://USER:PASSWORD@HOST:PORT/DATABASE",
  );
}
