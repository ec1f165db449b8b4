/** Sessions for the console to show. */

import { newSessionId } from "../../../protocol/session_id.ts";
import type { Json } from "../../../runtime/json.ts";
import { openStore, type SessionRecord } from "../../../store/mod.ts";
import { newStateId } from "../../../store/state_id.ts";

const DAY_MS = 86_400_000;

/** A session to make. */
export interface Seed {
  readonly title: string;
  readonly owner?: string | null;
  readonly alias?: string | null;
  readonly ageMs?: number;
  readonly leftMs?: number;
  readonly toolCalls?: number;
  readonly data?: Readonly<Record<string, string>>;
  readonly state?: Readonly<Record<string, Json>>;
}

/** Makes the record of a session. */
export function seedRecord(seed: Seed): SessionRecord {
  const { title, owner = null, alias = null, ageMs = 0, leftMs = 7 * DAY_MS } = seed;
  const now = Date.now();
  const createdAt = now - ageMs;
  return {
    id: newSessionId(),
    stateId: stateIdAt(createdAt),
    owner,
    alias,
    ttlMs: 7 * DAY_MS,
    expiresAt: now + leftMs,
    endsAt: null,
    toolCalls: seed.toolCalls ?? 0,
    data: {
      title,
      reason: "session/create",
      createdAt: new Date(createdAt).toISOString(),
      ...seed.data,
    },
  };
}

/** An id of a session that was made then: new ones never go back in time. */
function stateIdAt(time: number): string {
  return time.toString(16).padStart(12, "0") + newStateId(Date.now()).slice(12);
}

/** Makes sessions of a server, in a store. */
export async function plant(
  url: string,
  namespace: string,
  seeds: readonly Seed[],
): Promise<SessionRecord[]> {
  await using store = await openStore(url, { namespace });
  const made: SessionRecord[] = [];
  for (const seed of seeds) {
    const record = await store.create(seedRecord(seed));
    const { state } = seed;
    if (state !== undefined) {
      const set = Object.entries(state);
      await store.transact(record.id, { update: () => ({ value: undefined, set }) });
    }
    made.push(record);
  }
  return made;
}
