/**
 * Advice for the operator of a server: what gives a session to calls that are refused for want of one.
 *
 * @module
 */

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
