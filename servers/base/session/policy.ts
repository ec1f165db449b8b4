/**
 * Session policy: the decision on a `tools/call`, by the policy of its tool and the session that the call
 * leads to (section 4 of the contract). Pure: the session resolver carries it out.
 *
 * @module
 */

import type { RequiredReason } from "../../../protocol/errors.ts";
import type { SessionLookup } from "./session_lookup.ts";

/**
 * The policy of a tool, for calls without a live session (section 4 of the contract):
 *
 * - `required`: the error -32002; the tool does not run;
 * - `auto`: a new session, written when the tool first uses it;
 * - `optional`: the tool runs without one.
 */
export type SessionPolicy = "required" | "auto" | "optional";

const POLICIES: readonly SessionPolicy[] = ["required", "auto", "optional"];

/** The decision on a `tools/call`: a session, none, or a refusal. */
export type PolicyDecision =
  | Extract<SessionLookup, { readonly kind: "live" | "bound" }>
  /** A new session, as `lazyToolSession()` makes it. */
  | { readonly kind: "lazy" }
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly reason: RequiredReason };

export function decide(policy: SessionPolicy, lookup: SessionLookup): PolicyDecision {
  if (lookup.kind === "live" || lookup.kind === "bound") return lookup;
  // A call that names a session gets that one or an error, under every policy.
  if (lookup.kind === "unknown" && lookup.via === "handle") {
    return { kind: "refused", reason: "unknown" };
  }
  switch (policy) {
    case "required":
      return { kind: "refused", reason: lookup.kind };
    case "auto":
      return { kind: "lazy" };
    case "optional":
      return { kind: "none" };
  }
}

export class ToolPolicies {
  readonly #policy: SessionPolicy;
  readonly #tools: ReadonlyMap<unknown, SessionPolicy>;

  /** @throws {TypeError} if a policy is none: a misspelt one must let no call in. */
  constructor(policy: SessionPolicy, tools: Readonly<Record<string, SessionPolicy>>) {
    for (const value of [policy, ...Object.values(tools)]) {
      if (POLICIES.includes(value)) continue;
      throw new TypeError(
        `Cannot make a session layer as a policy is none of ${POLICIES.join(", ")}: ` +
          `current value is ${JSON.stringify(value)}`,
      );
    }
    this.#policy = policy;
    this.#tools = new Map(Object.entries(tools));
  }

  of(tool: unknown): SessionPolicy {
    return this.#tools.get(tool) ?? this.#policy;
  }
}
