/**
 * Advice for the operator of a server: what gives a session to calls that are refused for want of one.
 *
 * @module
 */

import type { ObservedCaller } from "../observer/observer.ts";

export type Advise = (level: "info" | "warn", message: string) => void;

const NAMED = {
  local: "--session NAME gives such calls one session",
  principal: "--session NAME gives each user one session",
  anonymous: "with tokens conversations count, and --session NAME gives each user one session",
};

/** Whether handles are offered to the refused call, or a tool is in their way. */
const HANDLES = {
  "offered": "; its model was told to make one",
  "not offered": "; --handles lets models make some",
  "in the way": "",
};

export function once(advise: Advise): Advise {
  const given = new Set<string>();
  return (level, message) => {
    if (given.has(message)) return;
    given.add(message);
    advise(level, message);
  };
}

export function callerKind(local: boolean, owner: string | null): keyof typeof NAMED {
  return local ? "local" : owner === null ? "anonymous" : "principal";
}

/** Advises on a refused call of a caller that knows no sessions. */
export function adviseRefused(
  advise: Advise,
  caller: keyof typeof NAMED,
  handles: keyof typeof HANDLES,
): void {
  advise(
    "info",
    "A call had no session, as its host knows none and no conversation counted: " +
      `${NAMED[caller]}${HANDLES[handles]}`,
  );
}

/** Advises on a caller that presents one id after the other that leads to no session. */
export function adviseGuesses(
  advise: Advise,
  { owner, address = "an unknown address" }: ObservedCaller,
  count: number,
): void {
  advise(
    "warn",
    `${count} session ids that lead to no session have come from ${
      owner ?? address
    }: further ones are ` +
      "looked up a few at a time; --audit FILE records who presents them",
  );
}

/** Advises on a caller that has come to so many sessions. */
export function adviseOpenSessions(
  advise: Advise,
  caller: keyof typeof NAMED,
  owner: string | null,
  sessions: number,
): void {
  const who = {
    local: "The local user has",
    principal: `${owner} has`,
    anonymous: "Anonymous callers together have",
  };
  advise(
    "warn",
    `${who[caller]} ${sessions} sessions open at once: a client that keeps its cookie needs one; ` +
      "--ttl and --max-age end those that are left behind",
  );
}
