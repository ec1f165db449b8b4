/**
 * Copies one session whole: its state is gathered in a record of nobody's, and one step makes the session
 * of it, with its exact record. So no server ever sees a part of it.
 *
 * @module
 */

import type { Json } from "../../../runtime/json.ts";
import { randomHex } from "../../../runtime/random_hex.ts";
import { utf8Length } from "../../../runtime/utf8.ts";
import type { InspectedSession, StoreInspector } from "../../inspection.ts";
import {
  INTERNAL_OWNER,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_KEY_BYTES,
  MAX_TRANSACTION_KEYS,
  type SessionRecord,
  type SessionStore,
  StoreError,
} from "../../session_store.ts";
import { findAgain } from "../sessions.ts";

/** Begins the alias of a staging record, by which the next run finds what a killed one has left. */
const STAGING = "store-copy:";

/** The lifetime of what is left of a session that is not copied again. */
const STAGING_MS = 60 * 60 * 1000;

/** Attempts to read a long state that changes meanwhile. */
const ATTEMPTS = 5;

export interface CopyPlaces {
  readonly namespace: string;
  readonly from: StoreInspector;
  readonly to: SessionStore;
}

/** Thrown for a session that ended while it was copied. */
export class SessionEnded extends Error {}

/** Whether a record is of a copy's own. */
export function isStaging({ owner, alias }: SessionRecord): boolean {
  return owner === INTERNAL_OWNER && alias !== null && alias.startsWith(STAGING);
}

/** Whether both are one store, whatever their URLs: a mark that is made in one is found in the other. */
export async function isOneStore({ namespace, from, to }: CopyPlaces): Promise<boolean> {
  const mark = stagingOf({ stateId: randomHex(16) });
  await to.create(mark);
  try {
    return await findAgain(from, namespace, mark) !== undefined;
  } finally {
    await to.delete(mark.id);
  }
}

/**
 * Makes the session that `from` has, in place of the one that `to` has had so far.
 *
 * @returns `false`, and nothing is done, if that has been used meanwhile.
 */
export async function copySession(
  places: CopyPlaces,
  session: InspectedSession,
  before: SessionRecord | undefined,
): Promise<boolean> {
  const { to } = places;
  if (session.bytes === 0) {
    if (!await makeRoom(to, before)) return false;
    await create(to, session.record);
    return true;
  }
  const staging = stagingOf(session.record);
  if ((await to.create(staging)).id !== staging.id) {
    throw new StoreError("conflict", "Another copy is at it: wait for that, and copy again");
  }
  try {
    const { record } = await gather(places, session, staging);
    if (!await makeRoom(to, before)) return false;
    if (await to.fork(staging.id, record) === undefined) {
      throw new StoreError("conflict", "What was gathered of its state is gone: copy again");
    }
    return true;
  } finally {
    await to.delete(staging.id);
  }
}

/** Takes away the session that is replaced, if it is as it was: gathering a state takes a while. */
async function makeRoom(to: SessionStore, before: SessionRecord | undefined): Promise<boolean> {
  if (before === undefined) return true;
  const now = await to.get(before.id);
  if (now !== undefined && !sameRecord(now, before)) return false;
  await to.delete(before.id);
  return true;
}

/** A session with its alias may be there already, which a `create` would give in its place. */
async function create(to: SessionStore, record: SessionRecord): Promise<void> {
  const created = await to.create(record);
  if (created.stateId !== record.stateId) {
    throw new StoreError("conflict", "Another session there has its alias: see ls and rm");
  }
}

function stagingOf({ stateId }: Pick<SessionRecord, "stateId">): SessionRecord {
  return {
    id: `${STAGING}${randomHex(16)}`,
    stateId: randomHex(16),
    owner: INTERNAL_OWNER,
    alias: `${STAGING}${stateId}`,
    ttlMs: STAGING_MS,
    expiresAt: Date.now() + STAGING_MS,
    endsAt: null,
    toolCalls: 0,
    data: {},
  };
}

/** Gathers the state of one moment, however long it is. @returns The session as it was then. */
async function gather(
  { namespace, from, to }: CopyPlaces,
  session: InspectedSession,
  staging: SessionRecord,
): Promise<InspectedSession> {
  const { stateId } = session.record;
  let keys = new Set<string>();
  for (let attempts = 1;; attempts++) {
    const left = keys;
    keys = new Set();
    let pages = 0;
    for await (const page of pagesOf(from, namespace, stateId)) {
      pages++;
      for (const [key] of page) keys.add(key);
      await write(to, staging.id, page);
    }
    await write(to, staging.id, [...left.difference(keys)].map((key) => [key, undefined]));
    const now = await findAgain(from, namespace, session.record);
    if (now === undefined) throw new SessionEnded();
    const isSame = now.bytes === session.bytes && sameRecord(now.record, session.record);
    if (isSame) return session;
    if (attempts === ATTEMPTS) {
      throw new StoreError("conflict", "It changed each time that it was read: copy again");
    }
    session = now;
  }
}

async function* pagesOf(
  from: StoreInspector,
  namespace: string,
  stateId: string,
): AsyncGenerator<[string, Json][]> {
  const limit = MAX_TRANSACTION_KEYS;
  let after: string | undefined;
  for (;;) {
    const page = await from.entries({ namespace, stateId, after, limit });
    if (page === undefined) throw new SessionEnded();
    if (page.length > 0) yield page;
    after = page.at(-1)?.[0];
    if (after === undefined || page.length < limit) return;
  }
}

/** Writes entries in as few transactions as they may have. */
async function write(
  to: SessionStore,
  id: string,
  entries: readonly (readonly [key: string, value: Json | undefined])[],
): Promise<void> {
  let set: (readonly [string, Json | undefined])[] = [];
  let [keyBytes, bytes] = [0, 0];
  const flush = async () => {
    const writes = set;
    if (writes.length === 0) return;
    [set, keyBytes, bytes] = [[], 0, 0];
    // What makes the session of it is durable, and takes this along.
    const update = () => ({ value: true, set: writes });
    if (await to.transact(id, { update, durable: false }) === undefined) {
      throw new StoreError("conflict", "What was gathered of its state is gone: copy again");
    }
  };
  for (const [key, value] of entries) {
    const ofKey = utf8Length(key);
    const ofBoth = ofKey + (value === undefined ? 0 : utf8Length(JSON.stringify(value)));
    const isFull = set.length === MAX_TRANSACTION_KEYS ||
      keyBytes + ofKey > MAX_TRANSACTION_KEY_BYTES || bytes + ofBoth > MAX_TRANSACTION_BYTES;
    if (isFull) await flush();
    set.push([key, value]);
    keyBytes += ofKey;
    bytes += ofBoth;
  }
  await flush();
}

/** Whether two records of one session are the same. */
export function sameRecord(a: SessionRecord, b: SessionRecord): boolean {
  return text(a) === text(b);
}

function text({ data, ...record }: SessionRecord): string {
  const fields = Object.entries(record).toSorted(([a], [b]) => a < b ? -1 : 1);
  const pairs = Object.entries(data).toSorted(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify([fields, pairs]);
}

/** Whether two states of one session are the same. */
export async function sameState(
  namespace: string,
  stateId: string,
  stores: readonly [StoreInspector, StoreInspector],
): Promise<boolean> {
  const [a, b] = stores.map((store) => pagesOf(store, namespace, stateId));
  for (;;) {
    const [left, right] = await Promise.all([a!.next(), b!.next()]);
    if (JSON.stringify(left.value) !== JSON.stringify(right.value)) return false;
    if (left.done) return true;
  }
}
