/**
 * The session capability that a server announces: in its `initialize` result, or as an extension in that
 * of `server/discover`.
 *
 * @module
 */

import { CAPABILITY, EXTENSION } from "../../protocol/capability.ts";
import { isObject, member } from "../../runtime/json.ts";

/** The capability of a server, the same in both eras (PROTOCOL sections 1 and 10). */
export interface SessionCapability {
  /** The version of the contract; `undefined` if the server does not say. */
  readonly version: 2 | undefined;
  /** The methods that it offers: `create`, `list` and `delete`, in any order. */
  readonly features: readonly string[];
}

/** The capability in an `initialize` result; `undefined` if there is none of this version. */
export function sessionCapability(result: unknown): SessionCapability | undefined {
  return readCapability(member(member(capabilitiesOf(result), "experimental"), "session"));
}

/** The capability in a `server/discover` result; `undefined` if there is none of this version. */
export function extensionCapability(result: unknown): SessionCapability | undefined {
  return readCapability(member(member(capabilitiesOf(result), "extensions"), EXTENSION));
}

function capabilitiesOf(result: unknown): unknown {
  return member(result, "capabilities");
}

function readCapability(session: unknown): SessionCapability | undefined {
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

/** An `initialize` result without the capability, for a host that must not use sessions itself. */
export function withoutCapability(result: Record<string, unknown>): Record<string, unknown> {
  const { capabilities } = result;
  if (!isObject(capabilities)) return result;
  const bare = without(capabilities, "experimental", "session");
  return { ...result, capabilities: withoutExtension(bare) };
}

/** Capabilities of either side without the extension. */
export function withoutExtension(capabilities: Record<string, unknown>): Record<string, unknown> {
  return without(capabilities, "extensions", EXTENSION);
}

/** Capabilities without one of a group, and without the group if that was the last. */
function without(
  capabilities: Record<string, unknown>,
  group: string,
  name: string,
): Record<string, unknown> {
  const { [group]: members, ...rest } = capabilities;
  if (!isObject(members) || !Object.hasOwn(members, name)) return capabilities;
  const { [name]: _, ...others } = members;
  return Object.keys(others).length === 0 ? rest : { ...rest, [group]: others };
}
