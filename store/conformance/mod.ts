/**
 * The conformance kit: holds a session store, ours or one of your own, to every promise of the
 * contract in {@linkcode SessionStore}.
 *
 * @example In a test file of your own
 * ```ts
 * import { testSessionStore } from "@mcp-sessions/deno/store/conformance";
 * import { FileStore } from "@mcp-sessions/deno/store";
 *
 * // Called at the top level of a test file:
 * export function testFileStore() {
 *   testSessionStore(
 *     "FileStore",
 *     ({ folder, ...options }) => FileStore.open(`${folder}/sessions.jsonl`, options),
 *   );
 * }
 * ```
 *
 * @module
 */

import { assert } from "@std/assert";
import { makeFolder, removeFolder, test } from "./runner.ts";
import type { SessionStore } from "../session_store.ts";
import type { Case, CaseContext, ConformanceOptions } from "./cases.ts";
import { expiryCases } from "./expiry.ts";
import { lifecycleCases } from "./lifecycle.ts";
import { limitsCases } from "./limits.ts";
import { namesCases } from "./names.ts";
import { sessionsCases } from "./sessions.ts";
import { sharingCases } from "./sharing.ts";
import { stateCases } from "./state.ts";
import { valuesCases } from "./values.ts";

export type { ConformanceOptions };
export type { SessionStore };

/** Cases that a store need not pass. */
export interface Skip {
  /** Why the store need not pass them. */
  readonly reason: string;
  /** Their names. */
  readonly cases: readonly string[];
}

/** Options of {@linkcode testSessionStore}. */
export interface TestSessionStoreOptions {
  /** Cases that fail. One that passes after all is a failure. @default [] */
  readonly skip?: readonly Skip[];
}

const CASES: readonly Case[] = [
  ...sessionsCases,
  ...stateCases,
  ...limitsCases,
  ...valuesCases,
  ...namesCases,
  ...sharingCases,
  ...lifecycleCases,
  ...expiryCases,
];

/**
 * Registers a test for each promise of the contract: by `Deno.test`, elsewhere by `node:test`, so for
 * `node --test` and `bun test`.
 *
 * @param name The store's name, with which the names of the tests begin.
 * @param open Opens a store. Stores that are opened with the same folder share their sessions.
 * @throws {TypeError} if a skipped case does not exist.
 */
export function testSessionStore(
  name: string,
  open: (options: ConformanceOptions) => SessionStore | Promise<SessionStore>,
  { skip = [] }: TestSessionStoreOptions = {},
): void {
  const reasons = new Map(skip.flatMap(({ reason, cases }) => cases.map((each) => [each, reason])));
  for (const skipped of reasons.keys()) {
    if (CASES.some((each) => each.name === skipped)) continue;
    throw new TypeError(`Cannot skip a case as there is none of this name: "${skipped}"`);
  }
  for (const each of CASES) {
    const reason = reasons.get(each.name);
    const suffix = reason === undefined ? "" : ` (not held to: ${reason})`;
    test(`${name}: ${each.name}${suffix}`, async () => {
      if (reason === undefined) return await run(each, open);
      const holds = await run(each, open).then(() => true, () => false);
      assert(!holds, `"${each.name}" holds: take it out of what is skipped`);
    });
  }
}

async function run(each: Case, open: Parameters<typeof testSessionStore>[1]): Promise<void> {
  const folder = await makeFolder("mcp-sessions-test-");
  const opened: SessionStore[] = [];
  const clock = { now: 1_800_000_000_000 };
  const another: CaseContext["another"] = async (namespace, limits = {}) => {
    const store = await open({ folder, namespace, limits, now: () => clock.now });
    opened.push(store);
    return store;
  };
  try {
    await each.run({ store: await another("test"), clock, another });
  } finally {
    await Promise.all(opened.map((store) => store.close())).finally(() => removeFolder(folder));
  }
}
