/**
 * What a server says about its sessions as a client connects to it.
 *
 * @module
 */

import { CAPABILITY } from "../../protocol/capability.ts";
import { isObject, member } from "../../runtime/json.ts";

/** What a server announces at `capabilities.experimental.session`. */
export interface SessionCapability {
  /** The version of the contract, or `undefined` if the server does not say. */
  readonly version: 2 | undefined;
  /** What it offers: `create`, `list` and `delete`, in any order. */
  readonly features: readonly string[];
}

/** Reads an `initialize` result; `undefined` if it has no session capability of this version. */
export function sessionCapability(result: unknown): SessionCapability | undefined {
  const experimental = member(member(result, "capabilities"), "experimental");
  const session = member(experimental, "session");
  if (!isObject(session)) return undefined;
  const version = member(session, "version");
  if (version !== undefined && version !== CAPABILITY.version) return undefined;
  const features = member(session, "features");
  return {
    version,
    features: Array.isArray(features)
      ? features.filter((feature): feature is string => typeof feature === "string")
      : [],
  };
}

/** The result for somebody who has no part in the sessions, and must not begin one. */
export function withoutCapability(result: Record<string, unknown>): Record<string, unknown> {
  const { capabilities } = result;
  if (!isObject(capabilities) || !isObject(capabilities.experimental)) return result;
  const { session: _, ...experimental } = capabilities.experimental;
  const { experimental: __, ...rest } = capabilities;
  const left = Object.keys(experimental).length === 0 ? rest : { ...rest, experimental };
  return { ...result, capabilities: left };
}
