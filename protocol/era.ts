/**
 * Eras of MCP (section 10 of the contract): legacy begins with `initialize`; modern, from 2026-07-28 on,
 * has an envelope in each request's `_meta` instead.
 *
 * @module
 */

import { isObject, member } from "../runtime/json.ts";
import { CODE, invalid, WireError } from "./errors.ts";

/** The modern versions that are spoken, the newest first. */
export const MODERN_VERSIONS: readonly string[] = ["2026-07-28"];

/** The versions that begin with `initialize` and are spoken, the newest first. */
export const LEGACY_VERSIONS: readonly string[] = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
  "2024-10-07",
];

/** The first modern version. Versions are dates, which sort as texts. */
const FIRST_MODERN_VERSION = "2026-07-28";

/** Keys of `_meta` that the specification defines. */
export const META = {
  version: "io.modelcontextprotocol/protocolVersion",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  logLevel: "io.modelcontextprotocol/logLevel",
  serverInfo: "io.modelcontextprotocol/serverInfo",
  subscriptionId: "io.modelcontextprotocol/subscriptionId",
} as const;

/** The method by which a client finds out the era of a server. */
export const DISCOVER = "server/discover";

/** The method whose response is a stream of notifications for as long as the client wants. */
export const LISTEN = "subscriptions/listen";

/** The methods that may be answered by questions to the client, after which it sends the request again. */
export const ASKING_METHODS: ReadonlySet<string> = new Set([
  "tools/call",
  "prompts/get",
  "resources/read",
]);

/** The levels of `notifications/message`, the least severe first. */
export const LOG_LEVELS: readonly string[] = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];

/** The facts about a client that each of its modern requests carries. */
export interface Envelope {
  readonly clientCapabilities: Record<string, unknown>;
  readonly clientInfo: Record<string, unknown> | undefined;
  /** The least severe level of `notifications/message` that the client wants; `undefined` for none. */
  readonly logLevel: string | undefined;
}

/** Whether a request is of the modern era, or asks whether the server is. Its body tells, not its headers. */
export function isModern(method: string, params: unknown): boolean {
  if (method === DISCOVER) return true;
  const meta = member(params, "_meta");
  if (!isObject(meta) || !Object.hasOwn(meta, META.version)) return false;
  const version = meta[META.version];
  return !(typeof version === "string" && isLegacyVersion(version));
}

function isLegacyVersion(version: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(version) && version < FIRST_MODERN_VERSION;
}

/**
 * Reads the envelope of a modern request.
 *
 * @throws {WireError} -32602 if a key is missing or of a wrong type; -32022 if its version is not spoken.
 */
export function readEnvelope(params: unknown): Envelope {
  const meta = member(params, "_meta");
  const version = member(meta, META.version);
  if (typeof version !== "string") throw invalidKey(META.version, "a string", version);
  const clientCapabilities = member(meta, META.clientCapabilities);
  if (!isObject(clientCapabilities)) {
    throw invalidKey(META.clientCapabilities, "an object", clientCapabilities);
  }
  const clientInfo = member(meta, META.clientInfo);
  const isNamed = typeof member(clientInfo, "name") === "string" &&
    typeof member(clientInfo, "version") === "string";
  if (clientInfo !== undefined && !(isObject(clientInfo) && isNamed)) {
    throw invalidKey(META.clientInfo, "an object with a name and a version", clientInfo);
  }
  const logLevel = member(meta, META.logLevel);
  if (logLevel !== undefined && !(typeof logLevel === "string" && LOG_LEVELS.includes(logLevel))) {
    throw invalidKey(META.logLevel, `one of ${LOG_LEVELS.join(", ")}`, logLevel);
  }
  if (!MODERN_VERSIONS.includes(version)) throw unsupportedVersion(version, MODERN_VERSIONS);
  return { clientCapabilities, clientInfo, logLevel };
}

/** The error for a request of a version that is not served, with those of its era that are. */
export function unsupportedVersion(requested: string, supported: readonly string[]): WireError {
  return new WireError(
    CODE.unsupportedVersion,
    `Unsupported protocol version: this server speaks ${supported.join(", ")}`,
    { supported, requested },
  );
}

function invalidKey(key: string, expected: string, value: unknown): WireError {
  return invalid(`params._meta["${key}"]`, expected, value);
}
