/**
 * What whoever runs a server is told, once, when a call is refused that nothing gave a session.
 *
 * @module
 */

/** Tells whoever runs a server what to do about its callers. */
export type Advise = (level: "info" | "warn", message: string) => void;

/** What is in force as a call is refused. */
export interface RefusedCall {
  /** Whether the transport reaches the local user alone. */
  readonly local: boolean;
  /** Whether the model was told to make a session. */
  readonly isOffered: boolean;
}

/** Gives the same advice only once. */
export function once(advise: Advise): Advise {
  const given = new Set<string>();
  return (level, message) => {
    if (given.has(message)) return;
    given.add(message);
    advise(level, message);
  };
}

/** Tells about callers that know no sessions and tell no conversation that counts. */
export function adviseRefused(advise: Advise, { local, isOffered }: RefusedCall): void {
  const named = local
    ? "--session NAME gives such calls one session"
    : "with tokens conversations count, and --session NAME gives each user one session";
  const model = isOffered ? "its model was told to make one" : "--handles lets models make some";
  advise(
    "info",
    `A call had no session, as its host knows none and no conversation counted: ${named}; ${model}`,
  );
}
