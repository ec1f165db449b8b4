/**
 * The errors of Redis and of its client as a store's.
 *
 * @module
 */

import { NothingDoneError } from "../errors.ts";
import { messageOf } from "../../runtime/errors.ts";
import { member } from "../../runtime/json.ts";
import { StoreError, type StoreErrorCode } from "../session_store.ts";

const MOST_REASON = 300;

/** What Redis answers, as far as a store has words of its own for it. */
const ANSWERS: readonly (readonly [answer: RegExp, code: StoreErrorCode, why?: string])[] = [
  [/\bLOADING\b/, "locked", "it still loads its data"],
  [/\b(?:BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN)\b/, "locked"],
  [/\bOOM\b/, "full", "its memory is full: raise its maxmemory, or end sessions"],
  [/\bWRONGTYPE\b/, "corrupt", "another program has written to the keys of this store"],
  [/\bREADONLY\b/, "unavailable", "it is a replica, which takes no writes: name the primary"],
  [
    /\bMISCONF\b/,
    "unavailable",
    "it takes no writes as it cannot save them: see the room on its disk",
  ],
  [
    /\b(?:MOVED|ASK|CROSSSLOT)\b/,
    "unavailable",
    "it is a cluster: give RedisStore a createCluster()",
  ],
  [
    /\b(?:NOAUTH|WRONGPASS)\b|without any password/,
    "unavailable",
    "it refuses the user or password",
  ],
  [
    /max number of clients/,
    "unavailable",
    "it has as many clients as it takes: raise its maxclients",
  ],
];

/** Answers to a script that has not begun to write. */
const REFUSAL = /\b(?:READONLY|MISCONF|NOREPLICAS|MOVED|NOAUTH)\b|The client is (?:offline|closed)/;

/** What befell a connection, by the code of the error or its message. */
const CONNECTIONS: readonly (readonly [failure: RegExp, why: string])[] = [
  [/ECONNREFUSED/, "nothing listens there: start it, or mend the address"],
  [/ENOTFOUND|EAI_AGAIN|failed to lookup/, "its host has no address: mend its name"],
  [/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|Connection timeout/, "it cannot be reached"],
  [
    /ECONNRESET|EPIPE|Socket closed|BadResource/,
    "it closed the connection: it may have too many clients, or want TLS (rediss://)",
  ],
  [/Disconnects client/, "it did not answer, so the connection was given up"],
  [/client is (?:offline|closed)/, "there is no connection"],
];

/**
 * The store's error for what Redis answered, or for what befell the connection. Where nobody can know
 * whether a write was made, it is `unavailable`.
 */
export function redisError(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const message = `Redis failed: ${reasonOf(cause)}`;
  const [, code = "unavailable"] = answerOf(cause) ?? [];
  // These are said before anything is done; others may be said in the middle.
  const isRefusal = REFUSAL.test(messageOf(cause));
  return code === "unavailable" && isRefusal
    ? new NothingDoneError(message, { cause })
    : new StoreError(code, message, { cause });
}

/** The reason in an error of Redis or of its client, in plain words. */
export function reasonOf(cause: unknown): string {
  const answer = answerOf(cause)?.[2];
  if (answer !== undefined) return answer;
  const text = `${member(cause, "code")} ${messageOf(cause)}`;
  const found = CONNECTIONS.find(([failure]) => failure.test(text));
  // The first line: what follows may be a whole certificate.
  return found?.[1] ?? messageOf(cause).split("\n")[0]!.slice(0, MOST_REASON);
}

function answerOf(cause: unknown) {
  const message = messageOf(cause);
  return ANSWERS.find(([answer]) => answer.test(message));
}
