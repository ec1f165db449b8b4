/**
 * Opens Redis by its URL, with a timeout and errors that say what to do.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { within } from "../../runtime/time_limit.ts";
import { StoreError } from "../session_store.ts";
import type { RedisClient } from "./client.ts";
import { reasonOf, redisError } from "./errors.ts";
import { LastingClient, type PackageClient } from "./lasting_client.ts";
import { infoLines, promisesOf, type RedisFacts, type RedisPromises } from "./promises.ts";
import { checkRights } from "./rights.ts";
import { READ_SCRIPT } from "./scripts.ts";
import { type RedisPlace, shownPlace } from "./url.ts";

/** The pause between two tries of opening. */
const PAUSE_MS = 100;

export interface OpenRedisOptions {
  readonly warn: (message: string) => void;
  /** The timeout of opening, in milliseconds. */
  readonly timeoutMs: number;
  /** A key of the store that is never set; without one it is only read, and may promise of writes what it will. */
  readonly unusedKey?: string;
}

/** Opens a client that comes back by itself, and warns once of what this Redis may lose. */
export async function openRedis(
  place: RedisPlace,
  { warn, timeoutMs, unusedKey }: OpenRedisOptions,
): Promise<RedisClient> {
  const end = performance.now() + timeoutMs;
  const client = await lastingClient(place, timeoutMs);
  /** Why it was not ready before. */
  let before: unknown;
  for (;;) {
    const left = end - performance.now();
    const opening = open(client, place, unusedKey);
    try {
      const promises = await within(Math.max(left, 1), opening);
      if (promises === undefined) {
        const over = place.tls ? " over TLS" : "";
        throw before ?? new Error(`it did not answer${over} within ${timeoutMs / 1000} seconds`);
      }
      client.last();
      if (promises.losses.length > 0) {
        const losses = promises.losses.join("; ");
        warn(`Redis at ${shownPlace(place)} may lose what it acknowledged: ${losses}`);
      }
      return client;
    } catch (cause) {
      opening.catch(() => {});
      client.destroy();
      if (left < PAUSE_MS || !isPassing(cause)) throw cannotOpen(place, cause);
      before = cause;
    }
    await new Promise((go) => setTimeout(go, PAUSE_MS));
  }
}

async function open(
  client: LastingClient,
  place: RedisPlace,
  unusedKey: string | undefined,
): Promise<RedisPromises> {
  const opened = await client.open();
  if (unusedKey === undefined) {
    // Whether it has loaded its data, and the user may run scripts.
    await client.eval(READ_SCRIPT.text, { keys: [], arguments: [] });
    return { losses: [] };
  }
  const promises = promisesOf(await look(opened), place);
  if (promises.refusal !== undefined) throw new Error(promises.refusal);
  // This also says whether it has loaded its data.
  await checkRights(client, unusedKey);
  return promises;
}

async function lastingClient(place: RedisPlace, connectTimeout: number): Promise<LastingClient> {
  const { createClient } = await import("@redis/client");
  const { host, port, tls, username, password, database } = place;
  return new LastingClient(() => {
    const socket = { host, port, connectTimeout, reconnectStrategy: false as const };
    return createClient({
      socket: tls ? { ...socket, tls } : socket,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      database,
      // What waited for a connection would be made when nobody waits for it any more.
      disableOfflineQueue: true,
      // Every proxy knows the second version of the protocol.
      RESP: 2,
      // Its answers are not looked at, where the first one may be an error.
      disableClientInfo: true,
      // Reads the environment.
      maintNotifications: "disabled",
      // The client would only bound what it has not sent yet.
      commandOptions: { timeout: 0 },
    });
  });
}

/** What a Redis tells of itself; a user need not be allowed to ask. */
async function look(client: PackageClient): Promise<RedisFacts> {
  const ask = async (...command: string[]): Promise<unknown> => {
    try {
      return await client.sendCommand(command);
    } catch (error) {
      if (/^(?:NOPERM|ERR unknown)/.test(messageOf(error))) return undefined;
      throw error;
    }
  };
  const [info, config] = await Promise.all([ask("INFO"), ask("CONFIG", "GET", "appendfsync")]);
  return {
    info: typeof info === "string" ? infoLines(info) : undefined,
    appendfsync: Array.isArray(config) && config.length === 2 ? String(config[1]) : undefined,
  };
}

/** Whether it may be over in a moment: it still loads its data, or others close their connections. */
function isPassing(cause: unknown): boolean {
  return redisError(cause).code === "locked" || /max number of clients/.test(`${cause}`);
}

function cannotOpen(place: RedisPlace, cause: unknown): StoreError {
  const what = `Cannot open Redis at ${shownPlace(place)}`;
  return new StoreError("unavailable", `${what}: ${reasonOf(cause)}`, { cause });
}
