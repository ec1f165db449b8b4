/**
 * Messages with a modern server in legacy terms: a legacy request as a modern one, and the modern answer
 * as a legacy one. The other direction is in `protocol/era_translation.ts`.
 *
 * @module
 */

import { CAPABILITY, EXTENSION, withExtension } from "../../protocol/capability.ts";
import { META_KEY } from "../../protocol/cookie.ts";
import { withCookieUnder } from "../../protocol/cookie_keys.ts";
import { META, MODERN_VERSIONS } from "../../protocol/era.ts";
import { CODE } from "../../protocol/errors.ts";
import { isObject, member } from "../../runtime/json.ts";
import type { JSONRPCErrorResponse, JSONRPCMessage } from "../sdk.ts";

/** The envelope of requests: what the client has told in its `initialize`, and by `logging/setLevel`. */
export interface ClientFacts {
  readonly clientInfo: unknown;
  readonly capabilities: unknown;
  readonly logLevel: unknown;
}

/** Params of a modern request. An envelope that is there already counts before the `facts`. */
export function toModernParams(
  params: Record<string, unknown>,
  { clientInfo, capabilities, logLevel }: ClientFacts,
): Record<string, unknown> & { _meta: Record<string, unknown> } {
  const { _meta, ...rest } = withCookieUnder(params, META_KEY, [EXTENSION]);
  const meta = isObject(_meta) ? _meta : {};
  const hasEnvelope = Object.hasOwn(meta, META.version);
  const declared = hasEnvelope ? meta[META.clientCapabilities] : capabilities;
  return {
    ...rest,
    _meta: {
      ...(!hasEnvelope && {
        ...(isObject(clientInfo) && { [META.clientInfo]: clientInfo }),
        ...(logLevel !== undefined && { [META.logLevel]: logLevel }),
      }),
      ...meta,
      [META.version]: MODERN_VERSIONS[0],
      [META.clientCapabilities]: withExtension(isObject(declared) ? declared : {}, CAPABILITY),
    },
  };
}

/** A message without the envelope of the modern era: a server of both would take it for a modern one. */
export function withoutEnvelope<T extends JSONRPCMessage>(message: T): T {
  if (!("method" in message)) return message;
  const meta = message.params?._meta;
  if (!isObject(meta) || !Object.hasOwn(meta, META.version)) return message;
  const {
    [META.version]: _,
    [META.clientInfo]: __,
    [META.clientCapabilities]: ___,
    [META.logLevel]: ____,
    ...left
  } = meta;
  return { ...message, params: { ...message.params, _meta: left } };
}

/** The result of `initialize` from that of `server/discover`; `undefined` if it speaks no version of ours. */
export function toInitialized(
  discovery: Record<string, unknown>,
  protocolVersion: unknown,
): Record<string, unknown> | undefined {
  const { supportedVersions, capabilities, serverInfo, ttlMs: _, cacheScope: __, ...rest } =
    toLegacyResult(discovery);
  const isSpoken = Array.isArray(supportedVersions) &&
    MODERN_VERSIONS.some((version) => supportedVersions.includes(version));
  if (!isSpoken) return undefined;
  const info = member(discovery._meta, META.serverInfo) ?? serverInfo;
  return {
    ...rest,
    protocolVersion,
    serverInfo: isObject(info) ? info : { name: "", version: "" },
    capabilities: withLegacyCapability(isObject(capabilities) ? capabilities : {}),
  };
}

/** A complete result in legacy terms. */
export function toLegacyResult(result: Record<string, unknown>): Record<string, unknown> {
  const { resultType: _, _meta, ...rest } = withCookieUnder(result, EXTENSION, [META_KEY]);
  if (!isObject(_meta)) return rest;
  const { [META.serverInfo]: __, ...meta } = _meta;
  return Object.keys(meta).length === 0 ? rest : { ...rest, _meta: meta };
}

export function toLegacyError(
  error: JSONRPCErrorResponse["error"],
): JSONRPCErrorResponse["error"] {
  const code = error.code === CODE.modernSessionRequired ? CODE.sessionRequired : error.code;
  return { ...error, code, message: error.message.replaceAll(EXTENSION, META_KEY) };
}

/** Capabilities with the session capability where the legacy era has it. */
function withLegacyCapability(capabilities: Record<string, unknown>): Record<string, unknown> {
  const session = member(capabilities.extensions, EXTENSION);
  if (session === undefined) return capabilities;
  const experimental = isObject(capabilities.experimental) ? capabilities.experimental : {};
  return { ...capabilities, experimental: { ...experimental, session } };
}
