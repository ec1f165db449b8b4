/**
 * Modern requests over HTTP: what they need beside their body, and how the fetch far below `send` gets it.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { META } from "../../protocol/era.ts";
import { CODE } from "../../protocol/errors.ts";
import { headerValue, NAME_MEMBERS } from "../../protocol/request_headers.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { JSONRPCRequest } from "../sdk.ts";

export interface ModernExchange {
  readonly request: JSONRPCRequest;
  /** Ends the exchange: over HTTP, closing the stream cancels the request. */
  readonly signal: AbortSignal;
  /** Headers for arguments that the server wants in a header, too. */
  readonly paramHeaders: Readonly<Record<string, string>>;
  /** Whether it goes over HTTP, known once the fetch has begun. */
  isHttp: boolean;
}

/** The exchange whose `send` the running code belongs to. */
export const modernExchange = new AsyncLocalStorage<ModernExchange>();

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Statuses with which a server answers a modern request by a JSON-RPC error. */
const ERROR_STATUSES: readonly number[] = [400, 404];

/**
 * A fetch for the SDK's transport of the legacy era that sends modern requests, too: with their headers,
 * and with their JSON-RPC errors as answers, whatever the HTTP status.
 */
export function modernFetch(fetch: Fetch): Fetch {
  return async (url, init) => {
    const exchange = modernExchange.getStore();
    if (exchange === undefined || init?.method !== "POST") return await fetch(url, init);
    exchange.isHttp = true;
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(headersOf(exchange))) headers.set(name, value);
    const signals = init.signal ? [init.signal, exchange.signal] : [exchange.signal];
    const response = await fetch(url, { ...init, headers, signal: AbortSignal.any(signals) });
    if (!ERROR_STATUSES.includes(response.status)) return response;
    const text = await response.text();
    return isErrorFor(exchange.request, text, response.status)
      ? new Response(text, { headers: { "content-type": "application/json" } })
      : new Response(text, response);
  };
}

function headersOf({ request, paramHeaders }: ModernExchange): Record<string, string> {
  const { method, params } = request;
  const name = member(params, NAME_MEMBERS.get(method) ?? "");
  return {
    ...paramHeaders,
    "mcp-protocol-version": `${params?._meta?.[META.version]}`,
    "mcp-method": headerValue(method),
    ...(typeof name === "string" && { "mcp-name": headerValue(name) }),
  };
}

/** Whether a legacy request was refused in these words by a server of the modern era alone. */
export function isModernRefusal(text: string): boolean {
  return text.includes(META.version) ||
    new RegExp(`"code": ?${CODE.unsupportedVersion}`).test(text);
}

function isErrorFor({ id }: JSONRPCRequest, text: string, status: number): boolean {
  try {
    const body: unknown = JSON.parse(text);
    const error = member(body, "error");
    // A modern server refuses a method with 404: one with 400 does not speak that era any more.
    const isModern = status !== 400 || member(error, "code") !== CODE.methodNotFound;
    return member(body, "id") === id && isObject(error) && isModern;
  } catch {
    return false;
  }
}
