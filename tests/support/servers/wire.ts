/**
 * JSON-RPC messages of the wire, as tests send and read them: no SDK in between, so that an assertion is
 * about the bytes.
 */

import { assert, assertEquals } from "@std/assert";

export interface WireCookie {
  id: string;
  expiry: string;
  data: Record<string, string>;
}

/** The result of any method, with the members that tests read. */
export interface WireResult {
  content: { type: string; text: string }[];
  structuredContent: Record<string, unknown>;
  isError?: boolean;
  _meta?: { "mcp/session"?: WireCookie | null; [key: string]: unknown };
  capabilities: { experimental: Record<string, unknown> };
  serverInfo: { name: string; version: string };
  tools: Record<string, unknown>[];
  sessions: WireCookie[];
  nextCursor?: string;
  deleted: boolean;
  id: string;
  expiry: string;
  data: Record<string, string>;
}

export interface Reply {
  jsonrpc: "2.0";
  id: unknown;
  result?: WireResult;
  error?: { code: number; message: string; data?: Record<string, unknown> };
  status?: number;
}

export type WireMessage = Partial<Reply> & { method?: string; params?: unknown };

export const INITIALIZE = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "raw", version: "1" },
};

/** The params of a request that presents `cookie`. */
export function presenting(cookie: unknown): { _meta?: Record<string, unknown> } {
  return cookie === undefined ? {} : { _meta: { "mcp/session": cookie } };
}

export function request(method: string, params: object | null = {}, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

export function callRequest(name: string, args: object = {}, id: unknown = 1, _meta = {}): string {
  return request("tools/call", { name, arguments: args, _meta }, id);
}

/** The headers that the specification requires of a POST. */
export const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

/** Sends one MCP message by POST. */
export function post(
  url: string,
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: "POST", body, headers: { ...HEADERS, ...headers } });
}

/** Sends a message, and returns the status of the response. */
export async function statusOf(...message: Parameters<typeof post>): Promise<number> {
  const response = await post(...message);
  await response.text();
  return response.status;
}

/** Sends `initialize`, and returns the headers of its transport session, if it opened one. */
export async function opened(
  url: string,
  headers: Record<string, string> = {},
  capabilities: object = {},
): Promise<Record<string, string>> {
  const response = await post(
    url,
    request("initialize", { ...INITIALIZE, capabilities }),
    headers,
  );
  await response.text();
  assertEquals(response.status, 200);
  const id = response.headers.get("mcp-session-id");
  return id === null ? headers : { ...headers, "mcp-session-id": id };
}

/** Opens as many transport sessions of one principal as there may be. */
export async function openMany(
  url: string,
  headers: Record<string, string>,
): Promise<Record<string, string>[]> {
  const all: Record<string, string>[] = [];
  for (let number = 0; number < 250; number++) all.push(await opened(url, headers));
  return all;
}

/** The JSON-RPC messages in a response, which is JSON or an event stream. */
export async function messagesOf(response: Response): Promise<WireMessage[]> {
  const body = await response.text();
  const texts = response.headers.get("content-type") === "text/event-stream"
    ? body.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6))
    : [body];
  return texts.map((text) => {
    const message = parseMessage(text);
    assert(message, `not a JSON-RPC message: ${text}`);
    return message;
  });
}

/** Parses a JSON-RPC message; `undefined` if the text is none. */
export function parseMessage(text: string): WireMessage | undefined {
  try {
    const message = JSON.parse(text);
    return message.jsonrpc === "2.0" ? message : undefined;
  } catch {
    return undefined;
  }
}

export function isReply(message: WireMessage | undefined): message is Reply {
  return message !== undefined && ("result" in message || "error" in message);
}
