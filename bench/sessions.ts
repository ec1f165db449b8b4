/**
 * Sessions for a bench, known by their numbers.
 *
 * @module
 */

import { FileStore, type SessionRecord } from "../store/mod.ts";

export function idOf(number: number): string {
  return `sess-${digits(number)}`;
}

/** A record that outlives the bench. */
export function record(number: number): SessionRecord {
  return {
    id: idOf(number),
    stateId: digits(number),
    owner: null,
    alias: null,
    ttlMs: 604_800_000,
    expiresAt: Date.now() + 604_800_000,
    endsAt: null,
    toolCalls: 0,
    data: {
      title: "experimental-session",
      reason: "session/create",
      createdAt: new Date().toISOString(),
    },
  };
}

/** Writes a store with this many sessions, in the shape that compaction leaves. */
export async function fill(path: string, namespace: string, sessions: number): Promise<void> {
  await using store = await FileStore.open(path, { namespace, compactBytes: Infinity });
  for (let i = 0; i < sessions; i += 10_000) {
    const some = Array.from({ length: Math.min(10_000, sessions - i) }, (_, j) => record(i + j));
    await Promise.all(some.map((session) => store.create(session)));
  }
}

function digits(number: number): string {
  return number.toString(16).padStart(32, "0");
}
