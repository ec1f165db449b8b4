/**
 * The response that a message must get, by a reading of JSON-RPC 2.0 and MCP other than the server's.
 */

/** A request's id. */
export type Id = string | number;

/** The response that a message must get. */
export type Expected =
  /** A response with this id; if `orNull`, or one without, as the id may be unreadable. */
  | { readonly kind: "id"; readonly id: Id; readonly orNull: boolean }
  /** An error that names no id. */
  | { readonly kind: "null" }
  /** At most one response: with this id, or without. */
  | { readonly kind: "maybe"; readonly id?: Id };

const LARGE = 4 * 1024 * 1024;

/** Reads one message as a server should; others cancel the `cancelled` ids meanwhile. */
export function expectedFor(bytes: Uint8Array, cancelled: ReadonlySet<unknown>): Expected {
  const value = parsed(bytes);
  if (value === undefined) return isBlank(bytes) ? { kind: "maybe" } : { kind: "null" };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { kind: "null" };
  const { jsonrpc, id, method } = Object.fromEntries(Object.entries(value));
  const named = typeof id === "string" || isInteger(id) ? { id } : undefined;
  // A response, or a malformed one: HTTP refuses some, stdio responds to none.
  if (!("method" in value)) return { kind: "maybe", ...named };
  if (typeof method === "string" && !Object.hasOwn(value, "id")) return { kind: "maybe" };
  if (named === undefined) return { kind: "null" };
  // A subscription that is taken has no response until it ends.
  if (cancelled.has(id) || method === "subscriptions/listen") return { kind: "maybe", ...named };
  const request = jsonrpc === "2.0" && typeof method === "string";
  const orNull = !request || bytes.length > LARGE || bytes[0] === 0xef;
  return { kind: "id", ...named, orNull };
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** The id that a message cancels, if any. */
export function cancelledBy(bytes: Uint8Array): unknown {
  const value = parsed(bytes);
  return Object(value).method === "notifications/cancelled"
    ? Object(Object(value).params).requestId
    : undefined;
}

export function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => [0x20, 0x09, 0x0d].includes(byte));
}
