/**
 * The era of a client and its server (section 10 of the contract), as their handshake settles it: legacy
 * by `initialize`, modern by `server/discover`. Everything else in the session layer speaks of cookies in
 * legacy terms.
 *
 * @module
 */

import {
  CAPABILITY,
  declaresExtension,
  EXTENSION,
  withExtension,
} from "../../protocol/capability.ts";
import { type CookieKey, META_KEY } from "../../protocol/cookie.ts";
import { withCookieUnder } from "../../protocol/cookie_keys.ts";
import { DISCOVER, isModern, META } from "../../protocol/era.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { JSONRPCRequest } from "../sdk.ts";
import type { PendingRequest } from "./pending_requests.ts";
import { extensionCapability, type SessionCapability, sessionCapability } from "./capability.ts";
import { sessionTitle } from "./session_requests.ts";

type Params = Record<string, unknown>;

/** The outcome of a handshake. */
export interface Handshake {
  /** The server's session capability; `undefined` if it has none. */
  readonly capability: SessionCapability | undefined;
  /** The title of the sessions that this client creates with this server. */
  readonly title: string;
}

/** The latest handshake decides: a client that discovers in vain goes on with `initialize`. */
export class ClientEra {
  readonly #speaksModern: boolean;
  /** The `_meta` of each internal request; `undefined` unless the era is modern. */
  #envelope: Params | undefined;

  /** Unless it `speaksModern`, every request counts as legacy, whatever it carries. */
  constructor(speaksModern: boolean) {
    this.#speaksModern = speaksModern;
  }

  get isModern(): boolean {
    return this.#envelope !== undefined;
  }

  /** The key that a request of the caller's has for its cookie, and its answer too. */
  keyOf({ method, params }: JSONRPCRequest): CookieKey {
    return this.#speaksModern && isModern(method, params) ? EXTENSION : META_KEY;
  }

  /** Whether a request is of the modern era, and no handshake has settled that yet. */
  lacks({ key, message }: PendingRequest): boolean {
    return key === EXTENSION && !this.isModern && message.method !== DISCOVER;
  }

  /** Learns from the result of a request; `undefined` if that settles no era. */
  settle({ method, params }: JSONRPCRequest, result: unknown): Handshake | undefined {
    if (method === "initialize") {
      this.#envelope = undefined;
      const title = sessionTitle(member(params, "clientInfo"), member(result, "serverInfo"));
      return { capability: sessionCapability(result), title };
    }
    if (method !== DISCOVER || !this.#speaksModern) return undefined;
    const envelope = envelopeOf(params);
    const versions = member(result, "supportedVersions");
    if (!Array.isArray(versions) || !versions.includes(envelope[META.version])) return undefined;
    const capability = extensionCapability(result);
    this.#envelope = capability === undefined ? envelope : declaring(envelope);
    const serverInfo = member(member(result, "_meta"), META.serverInfo);
    return { capability, title: sessionTitle(envelope[META.clientInfo], serverInfo) };
  }

  /** The params of an internal request in the form of this era. */
  internalParams(params: Params): Params {
    if (this.#envelope === undefined) return params;
    const { _meta, ...rest } = withCookieUnder(params, META_KEY, [EXTENSION]);
    return { ...rest, _meta: { ...this.#envelope, ...(isObject(_meta) && _meta) } };
  }

  /** The result of an internal request in legacy terms. */
  internalResult(result: Params): Params {
    return this.isModern ? withCookieUnder(result, EXTENSION, [META_KEY]) : result;
  }
}

/** A `server/discover` in the name of the client that sends this modern request. */
export function discoveryFor(request: JSONRPCRequest) {
  return { ...request, method: DISCOVER, params: { _meta: envelopeOf(request.params) } };
}

/** The params of a modern request that declares the extension. */
export function withDeclaration<T extends Params>(params: T): T {
  const { _meta } = params;
  return isObject(_meta) ? { ...params, _meta: declaring(_meta) } : params;
}

function declaring(meta: Params): Params {
  const capabilities = meta[META.clientCapabilities];
  if (!isObject(capabilities) || declaresExtension(capabilities)) return meta;
  return { ...meta, [META.clientCapabilities]: withExtension(capabilities, CAPABILITY) };
}

/** The facts about its client in the `_meta` of a request. */
function envelopeOf(params: unknown): Params {
  const meta = member(params, "_meta");
  const keys = [META.version, META.clientInfo, META.clientCapabilities];
  return Object.fromEntries(
    keys.map((key) => [key, member(meta, key)]).filter(([, value]) => value !== undefined),
  );
}
