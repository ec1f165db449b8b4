/**
 * Advice for the operator of a server: what gives a session to calls that are refused for want of one.
 *
 * @module
 */

/** Gives the operator a piece of advice. */
export type Advise = (level: "info" | "warn", message: string) => void;

/** Kinds of callers: the local user, a principal, or a caller without authentication. */
export type CallerKind = "local" | "principal" | "anonymous";

const NAMED: Readonly<Record<CallerKind, string>> = {
  local: "--session NAME gives such calls one session",
  principal: "--session NAME gives each user one session",
  anonymous: "with tokens conversations count, and --session NAME gives each user one session",
};

/** Whether handles are offered to the refused call, or a tool is in their way. */
export type HandlesOffered = "offered" | "not offered" | "in the way";

const HANDLES: Readonly<Record<HandlesOffered, string>> = {
  "offered": "; its model was told to make one",
  "not offered": "; --handles lets models make some",
  "in the way": "",
};

/** Gives the same advice only once. */
export function once(advise: Advise): Advise {
  const given = new Set<string>();
  return (level, message) => {
    if (given.has(message)) return;
    given.add(message);
    advise(level, message);
  };
}

/** The kind of a caller with this owner. */
export function callerKind(local: boolean, owner: string | null): CallerKind {
  return local ? "local" : owner === null ? "anonymous" : "principal";
}

/** Advises on a refused call of a caller that knows no sessions. */
export function adviseRefused(advise: Advise, caller: CallerKind, handles: HandlesOffered): void {
  advise(
    "info",
    "A call had no session, as its host knows none and no conversation counted: " +
      `${NAMED[caller]}${HANDLES[handles]}`,
  );
}
