/**
 * The errors of Redis and of its client as a store's.
 *
 * @module
 */

import { certificateFault } from "../certificate_fault.ts";
import { NothingDoneError, RefusedError } from "../errors.ts";
import { messageOf } from "../../runtime/errors.ts";
import { member } from "../../runtime/json.ts";
import { StoreError, type StoreErrorCode } from "../session_store.ts";

const MOST_REASON = 300;

/** Why a Redis of a cluster is refused, of which another node may have the keys. */
export const OF_CLUSTER =
  "it is a node of a cluster, which no URL can name: give createCluster() of " +
  "@redis/client to new RedisStore(), or name a Redis without cluster mode (docs/stores.md)";

/** What a user of Redis needs, as ACL SETUSER has it. */
const RIGHTS = "~mcp-sessions:* +eval +evalsha +@hash +@sortedset +unlink +copy";

/** `refused` is `unavailable` too, and another try would not succeed. */
type Answer = readonly [answer: RegExp, code: StoreErrorCode | "refused", why?: string];

/** What Redis answers, as far as a store has words of its own for it. */
const ANSWERS: readonly Answer[] = [
  [/\bLOADING\b/, "locked", "it still loads its data"],
  [/\b(?:BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN)\b/, "locked"],
  [/\bOOM\b/, "full", "its memory is full: raise its maxmemory, or end sessions"],
  [/\bWRONGTYPE\b/, "corrupt", "another program has written to the keys of this store"],
  [/\bREADONLY\b/, "refused", "it is a replica, which takes no writes: name the primary"],
  [
    /\bMISCONF\b/,
    "refused",
    "it takes no writes as it cannot save them: see the room on its disk, and its log",
  ],
  [/\b(?:MOVED|ASK|CROSSSLOT)\b/, "refused", OF_CLUSTER],
  [/\bNOPERM\b|user executing the script can't/, "refused", lackingRights([])],
  [
    /\b(?:NOAUTH|WRONGPASS)\b|without any password/,
    "refused",
    "it refuses the user or password",
  ],
  [
    /max number of clients/,
    "unavailable",
    "it has as many clients as it takes: raise its maxclients",
  ],
];

/** Answers to a script that has not begun to write. */
const NOT_DONE = /\bNOREPLICAS\b|The client is (?:offline|closed)/;

/** How an authority of one's own is named: the URL has no parameter for it. */
const AUTHORITY = "DENO_CERT=ca.pem in Deno's environment (NODE_EXTRA_CA_CERTS elsewhere)";

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
  const isBadCertificate = certificateFault(cause, AUTHORITY) !== undefined;
  const [, code = isBadCertificate ? "refused" : "unavailable"] = answerOf(cause) ?? [];
  if (code === "refused") return new RefusedError(message, { cause });
  // These are said before anything is done; others may be said in the middle.
  return code === "unavailable" && NOT_DONE.test(messageOf(cause))
    ? new NothingDoneError(message, { cause })
    : new StoreError(code, message, { cause });
}

/** Why a user is refused that may not run some commands, or not those on the store's keys. */
export function lackingRights(commands: readonly string[]): string {
  const lacks = commands.length === 0 ? "a right" : commands.map((name) => `+${name}`).join(" ");
  return `its user lacks ${lacks}: give it ${RIGHTS} (ACL SETUSER; docs/stores.md)`;
}

/** The reason in an error of Redis or of its client, in plain words. */
export function reasonOf(cause: unknown): string {
  const known = answerOf(cause)?.[2] ?? certificateFault(cause, AUTHORITY);
  if (known !== undefined) return known;
  const text = `${member(cause, "code")} ${messageOf(cause)}`;
  const found = CONNECTIONS.find(([failure]) => failure.test(text));
  // The first line: what follows may be a whole certificate.
  return found?.[1] ?? messageOf(cause).split("\n")[0]!.slice(0, MOST_REASON);
}

function answerOf(cause: unknown) {
  const message = messageOf(cause);
  return ANSWERS.find(([answer]) => answer.test(message));
}
