/**
 * Comparing hosts and origins as HTTP does (RFC 9110, 4.2.3; RFC 6454): letter case, a default port
 * that is written out, a trailing dot and the forms of an IPv6 address make no difference.
 *
 * @module
 */

/** A host with the port it is asked for on, in the one form that all its spellings have. */
export interface Authority {
  /** In lower case, without a trailing dot. */
  readonly name: string;
  /** `undefined` if the scheme's own is meant. */
  readonly port: number | undefined;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443 };
/** Ports that a `Host` may leave out. Behind a proxy with TLS either can be meant. */
const WEB_PORTS: readonly number[] = [80, 443];
const MAX_PORT = 65_535;

// Visible ASCII without what ends a host in a URL. A client sends other letters as Punycode.
const AUTHORITY = /^(\[[\da-f:.]+\]|[!$-.0-9;=A-Z_a-z~]+?)\.?(?::(\d*))?$/i;

/** Reads a host with or without a port; `undefined` if it is none. */
export function parseAuthority(text: string): Authority | undefined {
  const [, host, digits] = AUTHORITY.exec(text) ?? [];
  const name = host === undefined ? undefined : nameIn(host.toLowerCase());
  const port = digits ? Number(digits) : undefined;
  if (name === undefined || (port ?? 0) > MAX_PORT) return undefined;
  return { name, port };
}

/** Tells whether a `Host` is one of `hosts`. One without a port is meant on 80 and 443. */
export function hostMatcher(hosts: Iterable<string>): (host: string) => boolean {
  const allowed = new Set<string>();
  for (const host of hosts) {
    const authority = parseAuthority(inAscii(host));
    if (authority === undefined) continue;
    const { name, port } = authority;
    for (const each of port === undefined ? WEB_PORTS : [port]) allowed.add(`${name}:${each}`);
    if (port === undefined || WEB_PORTS.includes(port)) allowed.add(name);
  }
  return (host) => {
    // Most are spelt as they are kept.
    if (allowed.has(host)) return true;
    const authority = parseAuthority(host);
    if (authority === undefined) return false;
    const { name, port } = authority;
    return allowed.has(port === undefined ? name : `${name}:${port}`);
  };
}

/**
 * Writes an origin as a browser sends it: scheme, host and port, of any scheme. `undefined` if it is
 * none, as `null` is none.
 */
export function canonicalOrigin(text: string): string | undefined {
  const [, scheme = "", host = ""] = /^([a-z][a-z\d+.-]*):\/\/(.+)$/i.exec(text) ?? [];
  const authority = parseAuthority(host);
  if (authority === undefined) return undefined;
  const { name, port } = authority;
  const own = DEFAULT_PORTS[scheme.toLowerCase()];
  const suffix = port === undefined || port === own ? "" : `:${port}`;
  return `${scheme.toLowerCase()}://${name}${suffix}`;
}

/** A host or origin with its name in Punycode, if it is written in other letters. */
export function inAscii(text: string): string {
  return text.replace(
    /[^\s/:?#@[\]\\]*[^\p{ASCII}\s][^\s/:?#@[\]\\]*/u,
    (name) => URL.parse(`http://${name}`)?.hostname ?? name,
  );
}

/** The one form of an IPv6 address, which has many; a name has one. */
function nameIn(host: string): string | undefined {
  return host.startsWith("[") ? URL.parse(`http://${host}`)?.hostname : host;
}
