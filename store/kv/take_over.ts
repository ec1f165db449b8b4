/**
 * Take-over: sessions in the layout before this one are moved to it, each in one commit. Any process may
 * do it, several at once too, and one goes on where another was killed.
 *
 * @module
 */

import { within } from "../../runtime/time_limit.ts";
import { closedError } from "../errors.ts";
import { NO_MARKS } from "../rows/marks.ts";
import type { CountChange } from "../rows/rows.ts";
import {
  at,
  counter,
  foundIn,
  liveAt,
  part,
  removal,
  rowsOf,
  writtenRow,
} from "../rows/session_rows.ts";
import { INTERNAL_OWNER, type SessionRecord, StoreError } from "../session_store.ts";
import { kvError } from "./kv_error.ts";
import type { KvWrites } from "./kv_parts.ts";
import type { KvRows } from "./kv_rows.ts";
import { OldLayout, storedRecord } from "./old_layout.ts";

/** The layout in `kv_keys.ts`. */
const LAYOUT = 2;
const PAGE = 500;
/** Sessions that are moved at once. */
const AT_ONCE = 64;
/** Attempts to move a session that others change. */
const ATTEMPTS = 200;
/** The longest that a call waits before it says what goes on. */
const PATIENCE_MS = 1000;
/** The longest that another process copies a state, and the longest pause before another attempt. */
const OTHERS_MS = 2000;
const PAUSE_MS = 100;
/** The longest that one session takes, if the timeout is less. */
const MOST_MS = 60_000;
const MINUS_ONE = 2n ** 64n - 1n;

export interface TakeOverOptions {
  readonly namespace: string;
  readonly rows: KvRows;
  readonly now: () => number;
  readonly timeoutMs: number;
  readonly warn: (message: string) => void;
}

export class TakeOver {
  readonly #kv: Deno.Kv;
  readonly #options: TakeOverOptions;
  readonly #old: OldLayout;
  #isDone = false;
  #isClosed = false;
  #running: Promise<void> | undefined;
  #moved = 0;
  /** Sessions whose id another has by now. */
  #dropped = 0;

  constructor(kv: Deno.Kv, options: TakeOverOptions) {
    this.#kv = kv;
    this.#options = options;
    this.#old = new OldLayout(options.namespace);
  }

  /** Waits until nothing is left to move; not for ever. */
  async done(): Promise<void> {
    if (this.#isDone) return;
    if (this.#running === undefined) {
      this.#running = this.#run().finally(() => this.#running = undefined);
      // It may fail while nobody waits.
      this.#running.catch(() => {});
    }
    const done = this.#running.then(() => true, (error) => Promise.reject(kvError(error)));
    // An operation's last attempt, which has a tenth of the time, is to end before its deadline.
    const patienceMs = Math.min(PATIENCE_MS, this.#options.timeoutMs / 20);
    if (await within(patienceMs, done)) return;
    throw new StoreError(
      "locked",
      "Deno KV has sessions in the layout of an earlier version, which are taken over just now " +
        `(${this.#moved} by this process so far): try again`,
    );
  }

  /** Moves no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await within(this.#options.timeoutMs, this.#running?.catch(() => {}) ?? Promise.resolve());
  }

  async #run(): Promise<void> {
    const { rows, warn } = this.#options;
    const counts = [this.#old.count(null), this.#old.count(INTERNAL_OWNER)];
    const [[layout, ...counted], sessions, roots] = await this.#bounded(Promise.all([
      this.#kv.getMany<[unknown, unknown, unknown]>([rows.keys.layout(), counts[0]!, counts[1]!]),
      this.#page(this.#old.sessions(), undefined, 1),
      this.#page(this.#old.roots(), undefined, 1),
    ]));
    if (layout.value !== null && layout.value !== LAYOUT) {
      throw new StoreError(
        "corrupt",
        `Deno KV has these sessions in another layout, ${Deno.inspect(layout.value)}, of a newer ` +
          "version of this program: nothing was changed; update it, or use another KV",
      );
    }
    if (sessions.length > 0) await this.#each(this.#old.sessions(), (entry) => this.#move(entry));
    if (roots.length > 0) await this.#each(this.#old.roots(), (entry) => this.#removeLeft(entry));
    if (counted.some(({ value }) => value !== null)) await this.#removeCounts(counts);
    if (layout.value === null) {
      const atomic = this.#kv.atomic().check(layout).set(layout.key, LAYOUT);
      // Who may only read can do without it.
      await this.#bounded(atomic.commit().catch(() => {}));
    }
    this.#isDone = true;
    if (this.#moved + this.#dropped > 0) {
      const dropped = this.#dropped === 0
        ? ""
        : `, and ${this.#dropped} ended, as a session of this version has their id`;
      warn(
        `Deno KV had sessions of this server in the layout of an earlier version: ${this.#moved} ` +
          `were taken over${dropped}. End what still runs that version: it does not see them any more, and ` +
          "what it makes from now on is taken over when a store is opened again",
      );
    }
  }

  /** Does something with each entry below a key, some at once. */
  async #each(prefix: Deno.KvKey, work: (entry: Deno.KvEntry<unknown>) => Promise<void>) {
    let after: Deno.KvKeyPart | undefined;
    for (;;) {
      const page = await this.#bounded(this.#page(prefix, after, PAGE));
      // In another order than other processes do it, to be in nobody's way.
      const left = page.toSorted(() => Math.random() - 0.5);
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
          if (this.#isClosed) throw closedError();
          await this.#bounded(work(entry));
        }
      }));
      if (page.length < PAGE) return;
      after = page.at(-1)!.key.at(-1);
    }
  }

  #page(
    prefix: Deno.KvKey,
    after: Deno.KvKeyPart | undefined,
    limit: number,
  ): Promise<Deno.KvEntry<unknown>[]> {
    const selector = after === undefined
      ? { prefix }
      : { prefix, start: [...prefix, `${String(after)}\0`] };
    return Array.fromAsync(this.#kv.list(selector, { limit, batchSize: limit }));
  }

  async #move({ key, value }: Deno.KvEntry<unknown>): Promise<void> {
    const id = String(key.at(-1));
    if (!(value instanceof Uint8Array)) return;
    const { stateId } = storedRecord(value);
    let others: string | null = null;
    let since = performance.now();
    for (let attempts = 0; attempts < ATTEMPTS; attempts++) {
      const copying = await this.#options.rows.parts.pendingVersion(part.values(stateId));
      if (copying !== others) since = performance.now();
      others = copying;
      // Another process copies its state. After a while it must have been killed.
      const waits = copying !== null && performance.now() - since < OTHERS_MS;
      if (!waits && await this.#tryToMove(id).catch(falseIfLocked)) return;
      await new Promise((go) => setTimeout(go, PAUSE_MS * Math.random()));
    }
    throw new StoreError("locked", "Others changed what was taken over each time: try again");
  }

  /** `false` if others have changed something. */
  async #tryToMove(id: string): Promise<boolean> {
    const { rows } = this.#options;
    const entries = await this.#kv.getMany<unknown[]>(this.#old.session(id));
    const [stored, calls, expiry] = entries.map(({ value }) => value);
    // Without all three it was no session, or it has been moved.
    const isWhole = stored instanceof Uint8Array && calls instanceof Deno.KvU64 &&
      expiry instanceof Deno.KvU64;
    if (!isWhole) return true;
    const { bytes, ...rest } = storedRecord(stored);
    const { stateId, owner, alias } = rest;
    const aliasKey = alias === null ? undefined : this.#old.alias({ owner, alias });
    const named = aliasKey === undefined ? undefined : await this.#kv.get(aliasKey);
    const places = [at.session(id), at.id(stateId)];
    if (alias !== null) places.push(at.alias({ owner, alias }));
    const [byId, byStateId, byAlias] = (await rows.read({ at: places })).at;
    const names = [
      ...entries.map(({ key }) => key),
      this.#old.owner(owner, stateId),
      ...named !== undefined && named.value === id ? [named.key] : [],
    ];
    const removed: KvWrites = {
      checks: entries,
      deletes: names,
      sums: [[this.#old.count(owner), MINUS_ONE]],
    };
    if (byId !== undefined) return await this.#resolve(id, removed);
    if (byStateId !== undefined) return await this.#resolve(byStateId.text, removed);
    const record: SessionRecord = {
      ...rest,
      alias: named?.value === id && byAlias === undefined ? alias : null,
      toolCalls: Number(calls.value),
      expiresAt: Number(expiry.value),
    };
    const copied = await rows.parts.copy(this.#old.states(stateId), part.values(stateId));
    const row = writtenRow({ record, bytes, due: record.expiresAt, marks: NO_MARKS });
    const isOwned = owner !== null && owner !== INTERNAL_OWNER;
    const counts: CountChange[] = [{ name: counter.sessions(owner), by: 1 }];
    if (isOwned) counts.push({ name: counter.owner(owner), by: 1 });
    const checks = places.slice(0, record.alias === null ? 2 : 3).map((place) =>
      [place, null] as const
    );
    const commit = { mark: "", checks, sets: rowsOf(row), counts };
    // What is too much for the commit is found by its root.
    const source = copied.source === undefined
      ? []
      : [{ deletes: [...copied.source, this.#old.root(stateId)] }];
    const { kind } = await rows.commitWith(commit, [copied, removed, ...source]);
    if (kind === "made") this.#moved++;
    return kind === "made";
  }

  /** Makes room for a session whose id or stateId one of this layout has, unless that is live. */
  async #resolve(id: string, removed: KvWrites): Promise<boolean> {
    const { rows, now } = this.#options;
    const found = foundIn((await rows.read({ at: [at.session(id)] })).at[0]);
    if (found === undefined) return false;
    if (liveAt(now(), found) === undefined) {
      const checks = [[at.session(id), found.version] as const];
      const commit = { ...removal(found, false), mark: "", checks };
      // It may be the same session, moved by another process: then the old one is gone.
      await rows.commitWith(commit, [{ checks: removed.checks ?? [] }]);
      return false;
    }
    const { kind } = await rows.commitWith({ mark: "", checks: [] }, [removed]);
    if (kind === "made") this.#dropped++;
    return kind === "made";
  }

  /** Removes a state without a record. */
  async #removeLeft({ key, value, versionstamp }: Deno.KvEntry<unknown>): Promise<void> {
    const stateId = String(key.at(-1));
    const [session] = this.#old.session(String(value));
    const stored = (await this.#kv.get(session)).value;
    // One that was made just now is for those who open a store later.
    if (stored instanceof Uint8Array && storedRecord(stored).stateId === stateId) return;
    // An old process that forks to it just now finds its root changed, and begins again.
    const claim = this.#kv.atomic().check({ key, versionstamp }).set(key, value);
    const claimed = await claim.commit();
    if (!claimed.ok) return;
    const check = { key, versionstamp: claimed.versionstamp };
    if (!await this.#options.rows.parts.remove(this.#old.states(stateId), check)) return;
    await this.#kv.atomic().check(check).delete(key).commit();
  }

  /** Removes the counts of the sessions, unless there are some again. */
  async #removeCounts(keys: readonly Deno.KvKey[]): Promise<void> {
    const counts = await this.#bounded(this.#kv.getMany<unknown[]>([...keys]));
    if ((await this.#bounded(this.#page(this.#old.sessions(), undefined, 1))).length > 0) return;
    for (const entry of counts) {
      await this.#bounded(this.#kv.atomic().check(entry).delete(entry.key).commit());
    }
  }

  async #bounded<T>(work: Promise<T>): Promise<T> {
    const ms = Math.max(this.#options.timeoutMs, MOST_MS);
    const done = await within(ms, work.then((value) => ({ value })));
    if (done !== undefined) return done.value;
    throw new StoreError(
      "unavailable",
      "Deno KV did not answer while sessions of an earlier version were taken over: see whether it " +
        "runs and can be reached",
    );
  }
}

function falseIfLocked(error: unknown): false {
  if (kvError(error).code === "locked") return false;
  throw error;
}
