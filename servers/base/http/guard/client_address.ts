/**
 * Client address: the IP address that a request comes from, behind trusted proxies too.
 *
 * @module
 */

import { getBuiltinModule } from "node:process";

/** The connection of a request, such as the second argument of a handler of `Deno.serve`. */
export interface ConnectionInfo {
  /** The peer's address; without a `hostname`, as on a Unix socket, it is not known. */
  readonly remoteAddr?: {
    /** The peer's IP address. */
    readonly hostname?: string | undefined;
    /** The kind of connection, such as `tcp`. */
    readonly transport?: string | undefined;
  };
}

/**
 * Finds the IP address of a request's caller; `undefined` if it is not known. Servers other than Deno's
 * give their handlers something else than a {@linkcode ConnectionInfo}, which tells nothing.
 */
export type ClientAddress = (request: Request, info: object | undefined) => string | undefined;

/** A longer way of trusted proxies than that is nobody's. */
const MAX_PROXIES = 32;
// Both forms may have a port, which says nothing of who it is.
const IPV4 = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?$/;
const IPV6 = /^(?:\[([\da-f:.]{2,45})\](?::\d{1,5})?|([\da-f:.]{2,45}))$/i;
const IPV4_IN_IPV6 = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/;

/**
 * Makes a finder of callers' addresses. Behind the proxies of `trusted`, addresses or blocks of them, the
 * caller is the rightmost in `X-Forwarded-For` that is no trusted proxy, as each proxy appends whom it has
 * the request from, and what stands further left may be anybody's. If all are trusted, it is the first.
 *
 * `Forwarded` is not read: a proxy passes on the header that it does not write, so whoever reads
 * both believes the caller.
 *
 * @throws {TypeError} if one of `trusted` is no address or block.
 */
export function clientAddress(trusted: Iterable<string>): ClientAddress {
  const blocks = [...trusted];
  const peerOf = (info: ConnectionInfo = {}) => {
    const peer = info.remoteAddr?.hostname;
    return peer === undefined ? undefined : canonicalAddress(peer);
  };
  if (blocks.length === 0) return (_, info) => peerOf(info);
  const isTrusted = blockMatcher(blocks);
  return ({ headers }, info) => {
    const peer = peerOf(info);
    if (peer === undefined || !isTrusted(peer)) return peer;
    const forwarded = headers.get("x-forwarded-for");
    return forwarded === null ? peer : forwardedAddress(forwarded, isTrusted);
  };
}

/** Whether a text is an IP address, or a block of them in the notation of CIDR. */
export function isAddressBlock(text: string): boolean {
  return parseBlock(text) !== undefined;
}

/** Walks from the right, so that what callers have put in front costs nothing. */
function forwardedAddress(
  list: string,
  isTrusted: (address: string) => boolean,
): string | undefined {
  let end = list.length;
  for (let proxies = 0; proxies < MAX_PROXIES; proxies++) {
    const comma = list.lastIndexOf(",", end - 1);
    const address = parseAddress(list.slice(comma + 1, end).trim());
    // What a trusted proxy could not name, nobody knows.
    if (address === undefined || comma <= 0 || !isTrusted(address)) return address;
    end = comma;
  }
  return undefined;
}

/** Parses an address with or without a port; `undefined` if it is none. */
function parseAddress(text: string): string | undefined {
  const address = IPV4.exec(text)?.[1] ?? IPV6.exec(text)?.slice(1).find(Boolean);
  if (address === undefined || net().isIP(address) === 0) return undefined;
  // A copy: a part of a text keeps the whole, which may be long, in memory.
  return canonicalAddress(address.split("").join(""));
}

/** Writes an IP address in its one form: that of IPv6 in lower case, an IPv4 in it as such. */
function canonicalAddress(address: string): string {
  if (!address.includes(":")) return address;
  const text = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? address;
  const [, high, low] = IPV4_IN_IPV6.exec(text) ?? [];
  if (high === undefined || low === undefined) return text;
  const bytes = [high, low].map((digits) => parseInt(digits, 16)).flatMap((n) => [n >> 8, n & 255]);
  return bytes.join(".");
}

function blockMatcher(blocks: Iterable<string>): (address: string) => boolean {
  const list = new (net().BlockList)();
  for (const text of blocks) {
    const block = parseBlock(text);
    if (block === undefined) {
      throw new TypeError(
        `Cannot trust a proxy as it is no IP address or block, such as 10.0.0.0/8: it is "${text}"`,
      );
    }
    const { address, bits, family } = block;
    list.addSubnet(address, bits, family);
  }
  return (address) => list.check(address, familyOf(address));
}

function parseBlock(text: string) {
  const [, address = "", digits] = /^([\da-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  if (net().isIP(address) === 0) return undefined;
  const family = familyOf(address);
  const most = family === "ipv4" ? 32 : 128;
  const bits = Number(digits ?? most);
  return bits <= most ? { address, bits, family } as const : undefined;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}

/** Loaded on demand: it takes as long as the rest of a start. */
function net(): typeof import("node:net") {
  return getBuiltinModule("node:net");
}
