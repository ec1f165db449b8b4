/**
 * Copies the sessions of one server to another store. Both are walked along by age, so that what is there
 * already is found without a look-up for each.
 *
 * @module
 */

import { UsageError } from "../../../runtime/flags.ts";
import type { InspectedSession, StoreInspector } from "../../inspection.ts";
import {
  INTERNAL_OWNER,
  type SessionRecord,
  type SessionStore,
  StoreError,
} from "../../session_store.ts";
import { compareUtf8 } from "../../utf8_order.ts";
import { eachAtOnce } from "../each_at_once.ts";
import { walkServer } from "../sessions.ts";
import {
  copySession,
  isOneStore,
  isStaging,
  sameRecord,
  sameState,
  SessionEnded,
} from "./session_copy.ts";

export interface ServerCopyOptions {
  readonly namespace: string;
  readonly from: StoreInspector;
  readonly to: SessionStore;
  /** An inspector of `to`. */
  readonly there: StoreInspector;
  /** Told of each session that is done with. */
  readonly onSession: () => void;
}

/** What became of sessions, in numbers; and those that could not be copied. */
export class CopyCounts {
  copied = 0;
  replaced = 0;
  same = 0;
  /** Used at the target since, so that it stays there as it is. */
  kept = 0;
  /** At the target alone. */
  others = 0;
  readonly failures: { readonly session: string; readonly why: string }[] = [];
}

export async function copyServer(options: ServerCopyOptions, counts: CopyCounts): Promise<void> {
  const { from, to, there, namespace } = options;
  // What is used meanwhile would seem to have changed, and be replaced by what it was.
  if (await isOneStore(options)) {
    throw new UsageError("FROM and TO are one store: name another TO");
  }
  // What a killed run has left.
  for await (const { record } of walkServer(there, namespace, { owner: INTERNAL_OWNER })) {
    if (isStaging(record)) await to.delete(record.id);
  }
  await eachAtOnce(ownRecords(from, namespace), (record) => copyOwnRecord(to, record));
  const done = new Set<string>();
  await eachAtOnce(pairs(options), async ({ source, target }) => {
    if (source === undefined) {
      if (target !== undefined && !done.has(target.record.stateId)) counts.others++;
      return;
    }
    const { stateId } = source.record;
    done.add(stateId);
    try {
      await copyOne(options, { source, target }, counts);
    } catch (error) {
      if (!(error instanceof SessionEnded)) {
        const isOnes = error instanceof StoreError &&
          (error.code === "conflict" || error.code === "too_large");
        if (!isOnes) throw error;
        counts.failures.push({ session: stateId, why: error.message });
      }
    }
    options.onSession();
  });
}

interface Pair {
  readonly source: InspectedSession | undefined;
  readonly target: InspectedSession | undefined;
}

async function copyOne(
  { namespace, from, to, there }: ServerCopyOptions,
  { source, target }: Pair & { readonly source: InspectedSession },
  counts: CopyCounts,
): Promise<void> {
  if (target !== undefined) {
    const [a, b] = [source.record, target.record];
    if (b.toolCalls > a.toolCalls || b.expiresAt > a.expiresAt) {
      counts.kept++;
      return;
    }
    const isSame = sameRecord(a, b) && source.bytes === target.bytes &&
      (source.bytes === 0 || await sameState(namespace, a.stateId, [from, there]));
    if (isSame) {
      counts.same++;
      return;
    }
  }
  const isMade = await copySession({ namespace, from, to }, source, target?.record);
  if (!isMade) counts.kept++;
  else if (target === undefined) counts.copied++;
  else counts.replaced++;
}

/** Sessions of both stores by age, those of one stateId together. */
async function* pairs({ namespace, from, there }: ServerCopyOptions): AsyncGenerator<Pair> {
  const targets = walkServer(there, namespace);
  let target = (await targets.next()).value ?? undefined;
  const next = async () => target = (await targets.next()).value ?? undefined;
  for await (const source of walkServer(from, namespace)) {
    const { stateId } = source.record;
    for (; target !== undefined && compareUtf8(target.record.stateId, stateId) < 0; await next()) {
      yield { source: undefined, target };
    }
    const isBoth = target?.record.stateId === stateId;
    yield { source, target: isBoth ? target : undefined };
    if (isBoth) await next();
  }
  for (; target !== undefined; await next()) yield { source: undefined, target };
}

/** A server's own records, such as of what was used once, and the key of its request states. */
async function* ownRecords(
  from: StoreInspector,
  namespace: string,
): AsyncGenerator<SessionRecord> {
  for await (const { record } of walkServer(from, namespace, { owner: INTERNAL_OWNER })) {
    if (!isStaging(record)) yield record;
  }
}

/** One that is there already stays: a server there may use it by now. */
async function copyOwnRecord(to: SessionStore, record: SessionRecord): Promise<void> {
  const { id, owner, alias } = record;
  if (await to.get(alias === null ? id : { owner, alias }) !== undefined) return;
  try {
    await to.create(record);
  } catch (error) {
    // Another copy may have made it just now.
    if (!(error instanceof StoreError && error.code === "conflict")) throw error;
  }
}
