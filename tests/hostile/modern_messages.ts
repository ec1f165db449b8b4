/** Messages of the modern era: hostile envelopes, states and cookies, and headers that may contradict them. */

import type { Random } from "../support/random.ts";
import { envelope, EXTENSION, MODERN_VERSION } from "../support/servers/modern_wire.ts";
import { isModernRequest } from "./era_verdict.ts";
import { parsed } from "./expected.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

/** Envelopes with a fault. */
const FAULTS: readonly Record<string, unknown>[] = [
  { [VERSION]: undefined },
  ...[null, 7, {}, [], "", "2099-01-01", "2025-11-25", "2026-07-28 ", "__proto__"].map(
    (version) => ({ [VERSION]: version }),
  ),
  ...[undefined, null, 7, "", [], true].map((capabilities) => ({ [CAPABILITIES]: capabilities })),
  { "io.modelcontextprotocol/clientInfo": { name: 7 } },
  { "io.modelcontextprotocol/clientInfo": [] },
  { "io.modelcontextprotocol/logLevel": "loud" },
];

/** Capabilities of a client, right and wrong. */
const DECLARED: readonly object[] = [
  {},
  { extensions: { [EXTENSION]: { version: 2, features: ["create", "list", "delete"] } } },
  { extensions: { [EXTENSION]: null } },
  { extensions: [EXTENSION], elicitation: {}, sampling: 7 },
  { extensions: { __proto__: { [EXTENSION]: {} } }, roots: [] },
];

/** A request as one of the modern era. `cookie` makes a value in place of a cookie. */
export function modernRequest(
  random: Random,
  { method, params = {}, ...rest }: { readonly method?: unknown; readonly params?: object },
  cookie: () => unknown,
): Record<string, unknown> {
  const fault = random.chance(0.2) ? random.pick(FAULTS) : {};
  const meta = envelope({ ...fault, ...modernCookies(random, cookie) }, random.pick(DECLARED));
  const state = random.pick<() => object>([
    () => ({}),
    () => ({}),
    () => ({}),
    () => ({ requestState: "forged" }),
    () => ({ requestState: random.pick<unknown>([7, null, {}, [], ""]), inputResponses: [] }),
    () => ({ requestState: "x".repeat(random.pick([10_000, 300_000])) }),
    () => ({ inputResponses: { __proto__: { action: "accept", content: {} } } }),
  ])();
  return { ...rest, method, params: { ...params, ...state, _meta: meta } };
}

function modernCookies(random: Random, cookie: () => unknown): Record<string, unknown> {
  return random.pick<() => Record<string, unknown>>([
    () => ({}),
    () => ({ [EXTENSION]: cookie() }),
    () => ({ [EXTENSION]: cookie() }),
    () => ({ "mcp/session": cookie() }),
    // They may name two sessions.
    () => ({ [EXTENSION]: cookie(), "mcp/session": cookie() }),
  ])();
}

/** The params of a subscription, right and wrong. */
export function listenParams(random: Random): object {
  return {
    notifications: random.pick<unknown>([
      { toolsListChanged: true },
      { resourcesListChanged: true, resourceSubscriptions: ["session://current", "x://y"] },
      { toolsListChanged: "yes", resourceSubscriptions: [7, null] },
      { resourceSubscriptions: Array.from({ length: 2000 }, (_, index) => `x://${index}`) },
      {},
      null,
      [],
      7,
    ]),
  };
}

/** Header lines for a message: mostly those that it must have, else lines that contradict it. */
export function eraHeaders(random: Random, message: Uint8Array): string[] {
  const sent = parsed(message);
  if (!isModernRequest(sent)) {
    return random.chance(0.05) ? [`mcp-protocol-version: ${MODERN_VERSION}`] : [];
  }
  const { method, params } = Object(sent);
  const { name, uri, _meta } = Object(params);
  const version = printable(Object(_meta)[VERSION]);
  const right = [
    ...line("mcp-protocol-version", version ?? MODERN_VERSION),
    ...line("mcp-method", printable(method)),
    ...line("mcp-name", headerValue(method === "resources/read" ? uri : name)),
  ];
  if (random.chance(0.75)) return right;
  const without = (name: string) => right.filter((line) => !line.startsWith(name));
  const wrong = random.pick([
    "notebook",
    "",
    `${name}`.slice(0, 50).toUpperCase().replace(/[^\x20-\x7e]/g, "?"),
    "=?base64?cHVibGlj?=",
    "=?base64?cHVibGlj=?=",
    "=?base64?cHVibGl?=",
    "=?base64?/w==?=",
    "=?base64?7aCA?=",
    "=?base64??=",
    "=?base64?=",
    "=?BASE64?cHVibGlj?=",
    "public?=",
    "x".repeat(3000),
  ]);
  return random.pick<() => string[]>([
    () => [],
    () => without("mcp-protocol-version"),
    () => without("mcp-method"),
    () => without("mcp-name"),
    () => [...right, ...right],
    () => [...without("mcp-name"), `mcp-name: ${wrong}`],
    () => [...without("mcp-name"), `mcp-name: ${wrong}`],
    () => [...without("mcp-method"), `mcp-method: ${random.pick(["ping", wrong])}`],
    () => [
      ...without("mcp-protocol-version"),
      `mcp-protocol-version: ${random.pick(["2025-11-25", "2099-01-01", wrong])}`,
    ],
  ])();
}

const line = (name: string, value: string | undefined) =>
  value === undefined ? [] : [`${name}: ${value}`];

/** A text that can stand in a header as it is. */
function printable(value: unknown): string | undefined {
  return typeof value === "string" && /^[\x20-\x7e]{0,2000}$/.test(value) ? value : undefined;
}

/** A text that can stand in a header, in Base64 if need be. */
function headerValue(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > 2000) return undefined;
  const isPlain = /^(?! )[\x20-\x7e]*(?<! )$/.test(value) && !/^=\?base64\?.*\?=$/.test(value);
  return isPlain ? value : `=?base64?${new TextEncoder().encode(value).toBase64()}?=`;
}
