/**
 * The transactions of a store. Those of one session that wait at the same moment go into one commit.
 *
 * @module
 */

import type { Operation } from "./operation.ts";
import type { Room } from "./room.ts";
import type { SessionChange, SessionChanges } from "./session_changes.ts";
import {
  type CheckedTransaction,
  type Outcome,
  SessionDraft,
  type TransactionLimits,
} from "./session_draft.ts";
import { type CommittedTransaction, StoreError } from "../session_store.ts";

/** The most transactions of one commit. */
const MOST = 128;

interface Waiting {
  readonly operation: Operation;
  readonly transaction: CheckedTransaction;
  readonly resolve: (committed: CommittedTransaction<unknown> | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export interface TransactionsOptions {
  readonly changes: SessionChanges;
  readonly room: Room;
  readonly limits: TransactionLimits;
}

export class Transactions {
  readonly #options: TransactionsOptions;
  /** Transactions that no commit has yet, by the id of their session. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  /** @returns The transaction's outcome; `undefined` if there is no live session with this id. */
  make(
    operation: Operation,
    id: string,
    transaction: CheckedTransaction,
  ): Promise<CommittedTransaction<unknown> | undefined> {
    return new Promise((resolve, reject) => {
      this.#wait(id, [{ operation, transaction, resolve, reject }]);
    });
  }

  /** Puts transactions before or behind the others that wait. */
  #wait(id: string, some: readonly Waiting[], where: "first" | "last" = "last") {
    const others = this.#waiting.get(id);
    if (others !== undefined) {
      if (where === "first") others.unshift(...some);
      else others.push(...some);
      return;
    }
    this.#waiting.set(id, [...some]);
    void this.#options.changes.exclusively(id, () => this.#runSome(id));
  }

  async #runSome(id: string): Promise<void> {
    const all = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    // Those that waited too long for others learn it as they would by themselves.
    const [late, timely] = [all.filter(isLate), all.filter((each) => !isLate(each))];
    const batch = late.length > 0 ? late : timely.slice(0, MOST);
    const rest = late.length > 0 ? timely : timely.slice(MOST);
    let done = batch.length;
    try {
      const [first] = batch;
      if (first === undefined) return;
      const change = this.#changeOf(first.operation, batch);
      const outcomes = await this.#options.changes.attempt(first.operation, id, change);
      done = outcomes?.length ?? done;
      for (const [index, { resolve, reject }] of batch.slice(0, done).entries()) {
        const outcome = outcomes?.[index];
        if (outcome === undefined) resolve(undefined);
        else if ("error" in outcome) reject(outcome.error);
        else resolve(outcome.committed);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      const left = [...batch.slice(done), ...rest];
      if (left.length > 0) this.#wait(id, left, "first");
    }
  }

  #changeOf(operation: Operation, batch: readonly Waiting[]): SessionChange<Outcome[]> {
    const { room, limits } = this.#options;
    let most = batch.length;
    let owner: string | null = null;
    let grown = 0;
    return {
      keys: batch.flatMap(({ transaction }) => transaction.keys),
      decide: (known, mark, isFresh) => {
        const draft = new SessionDraft(known, limits);
        const outcomes: Outcome[] = [];
        for (const { transaction } of batch.slice(0, most)) {
          try {
            const committed = draft.run(transaction);
            if (committed === undefined) break;
            if ("needs" in committed) return committed;
            outcomes.push({ committed });
          } catch (error) {
            // What is only known from before is no reason to fail.
            if (!isFresh) throw error;
            outcomes.push({ error });
          }
          if (!draft.hasRoom) break;
        }
        const decided = draft.decided(outcomes, mark);
        owner = known.found.record.owner;
        grown = (decided.after?.row.bytes ?? 0) - known.found.bytes;
        return decided;
      },
      makeRoom: async () => {
        try {
          await room.makeForBytes(operation, owner, grown);
        } catch (error) {
          const isFull = error instanceof StoreError && error.code === "full";
          if (!isFull || most === 1) throw error;
          // One that shrinks the state, or grows it by less, may go by itself.
          most = 1;
        }
      },
    };
  }
}

function isLate({ operation }: Waiting): boolean {
  return operation.isLate;
}
