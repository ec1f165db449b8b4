/** The ledger of expected responses on a connection where they come in any order. */

import type { Expected } from "./expected.ts";
import { around, Fault, type Message } from "./verdict.ts";

const key = (id: unknown) => JSON.stringify(id ?? null);

/** The responses that a volley of messages must get, and those that came. */
export class Ledger {
  readonly #expected: readonly Expected[];
  /** By id: the responses that must have it, and those that may also have none. */
  readonly #must = new Map<string, { sure: number; orNull: number }>();
  readonly #mustNull: number;
  readonly #got = new Map<string, number>();

  constructor(expected: readonly Expected[]) {
    this.#expected = expected;
    for (const each of expected) {
      if (each.kind !== "id") continue;
      const must = this.#must.get(key(each.id)) ?? { sure: 0, orNull: 0 };
      must[each.orNull ? "orNull" : "sure"]++;
      this.#must.set(key(each.id), must);
    }
    this.#mustNull = expected.filter(({ kind }) => kind === "null").length;
  }

  /** Records a response. @throws {Fault} if no message can have caused it. */
  answered({ id }: Message): void {
    const count = (this.#got.get(key(id)) ?? 0) + 1;
    this.#got.set(key(id), count);
    if (count <= this.#most(key(id))) return;
    throw new Fault(`A response to ${around(key(id))}, which was not requested`);
  }

  /** The ids of missing responses; `null` for errors without an id. */
  get missing(): string[] {
    const missing: string[] = [];
    let spare = (this.#got.get("null") ?? 0) - this.#mustNull;
    if (spare < 0) missing.push("null");
    for (const [id, { sure, orNull }] of this.#must) {
      const got = this.#got.get(id) ?? 0;
      if (got < sure) missing.push(id);
      const short = sure + orNull - Math.max(got, sure);
      if (short > Math.max(0, spare)) missing.push(`${id} or null`);
      else spare -= short;
    }
    return missing;
  }

  #most(id: string): number {
    if (id === "null") return this.#expected.length;
    return this.#expected.filter((each) => "id" in each && key(each.id) === id).length;
  }
}
