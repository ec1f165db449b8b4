/**
 * What whoever runs a server is told, once, when a call is refused that nothing gave a session.
 *
 * @module
 */

/** Tells whoever runs a server what to do about its callers. */
export type Advise = (level: "info" | "warn", message: string) => void;

/** Who calls: the local user, a principal, or somebody whom nobody has authenticated. */
export type CallerKind = "local" | "principal" | "anonymous";

const NAMED: Readonly<Record<CallerKind, string>> = {
  local: "--session NAME gives such calls one session",
  principal: "--session NAME gives each user one session",
  anonymous: "with tokens conversations count, and --session NAME gives each user one session",
};

/** What a refused call has to do with handles: a tool may be in the way of them. */
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

/** Tells about callers that know no sessions and tell no conversation that counts. */
export function adviseRefused(advise: Advise, caller: CallerKind, handles: HandlesOffered): void {
  advise(
    "info",
    "A call had no session, as its host knows none and no conversation counted: " +
      `${NAMED[caller]}${HANDLES[handles]}`,
  );
}
