/**
 * Hosts and origins, parsed and compared as HTTP does (RFC 9110, 4.2.3; RFC 6454): letter case, an
 * explicit default port, a trailing dot and the forms of an IPv6 address make no difference.
 *
 * @module
 */

/** A host with its port, in canonical form. */
export interface Authority {
  /** In lower case, without a trailing dot. */
  readonly name: string;
  /** `undefined` for the default port of the scheme. */
  readonly port: number | undefined;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443 };
/** Ports that a `Host` may omit: behind a proxy with TLS, either. */
const OMITTED_PORTS: readonly number[] = [80, 443];
const MAX_PORT = 65_535;

// Visible ASCII but for what ends a host in a URL. Clients send other letters as Punycode.
const AUTHORITY = /^(\[[\da-f:.]+\]|[!$-.0-9;=A-Z_a-z~]+?)\.?(?::(\d*))?$/i;

/** Parses a host with or without a port; `undefined` if the text is not a host. */
export function parseAuthority(text: string): Authority | undefined {
  const [, host, digits] = AUTHORITY.exec(text) ?? [];
  const name = host === undefined ? undefined : canonicalName(host.toLowerCase());
  const port = digits ? Number(digits) : undefined;
  if (name === undefined || (port ?? 0) > MAX_PORT) return undefined;
  return { name, port };
}

/** Makes a test of whether a `Host` is one of `hosts`; without a port, those match on 80 and 443. */
export function hostMatcher(hosts: Iterable<string>): (host: string) => boolean {
  const allowed = new Set<string>();
  for (const host of hosts) {
    const authority = parseAuthority(inAscii(host));
    if (authority === undefined) continue;
    const { name, port } = authority;
    for (const each of port === undefined ? OMITTED_PORTS : [port]) allowed.add(`${name}:${each}`);
    if (port === undefined || OMITTED_PORTS.includes(port)) allowed.add(name);
  }
  return (host) => {
    // Most requests send the canonical form.
    if (allowed.has(host)) return true;
    const authority = parseAuthority(host);
    if (authority === undefined) return false;
    const { name, port } = authority;
    return allowed.has(port === undefined ? name : `${name}:${port}`);
  };
}

/**
 * Formats an origin of any scheme as a browser sends it: scheme, host and port. `undefined` if the
 * text is not an origin, such as `null`.
 */
export function canonicalOrigin(text: string): string | undefined {
  const [, scheme = "", host = ""] = /^([a-z][a-z\d+.-]*):\/\/(.+)$/i.exec(text) ?? [];
  const authority = parseAuthority(host);
  if (authority === undefined) return undefined;
  const { name, port } = authority;
  const defaultPort = DEFAULT_PORTS[scheme.toLowerCase()];
  const suffix = port === undefined || port === defaultPort ? "" : `:${port}`;
  return `${scheme.toLowerCase()}://${name}${suffix}`;
}

export function inAscii(text: string): string {
  return text.replace(
    /[^\s/:?#@[\]\\]*[^\p{ASCII}\s][^\s/:?#@[\]\\]*/u,
    (name) => URL.parse(`http://${name}`)?.hostname ?? name,
  );
}

/** Normalizes an IPv6 address; a name has one form. */
function canonicalName(host: string): string | undefined {
  return host.startsWith("[") ? URL.parse(`http://${host}`)?.hostname : host;
}
