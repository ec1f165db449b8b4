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

/** Advises about callers that know no sessions and tell no conversation that counts. */
export function adviseRefused(advise: Advise, { local, isOffered }: RefusedCall): void {
  const what =
    "A call came without a session from a host that knows none, and tells no conversation " +
    "that counts";
  const named = local
    ? "--session NAME (sessionName) gives such calls one session"
    : "tokens (--tokens FILE, authenticate) make conversations count, and with them --session NAME " +
      "(sessionName) gives each user one session";
  if (isOffered) {
    return advise("info", `${what}; its model was told to make one. Besides, ${named}`);
  }
  advise(
    "warn",
    `${what}. ${named[0]?.toUpperCase()}${named.slice(1)}; --handles lets models make them`,
  );
}
