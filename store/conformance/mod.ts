/**
 * The conformance kit: holds a session store, ours or one of your own, to every promise of the
 * contract in {@linkcode SessionStore}, and an inspector of it to those in {@linkcode StoreInspector}.
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
 * @example An inspector of the same
 * ```ts
 * import { testStoreInspector } from "@mcp-sessions/deno/store/conformance";
 * import { FileStore, openInspector } from "@mcp-sessions/deno/store";
 *
 * export function testFileInspector() {
 *   testStoreInspector("FileStore's inspector", {
 *     open: ({ folder, ...options }) => FileStore.open(`${folder}/sessions.jsonl`, options),
 *     inspect: ({ folder, now }) => openInspector(`file:${folder}/sessions.jsonl`, { now }),
 *   });
 * }
 * ```
 *
 * @module
 */

import { assert } from "@std/assert";
import type { StoreInspector } from "../inspection.ts";
import { makeFolder, removeFolder, test } from "./runner.ts";
import type { SessionStore } from "../session_store.ts";
import type { Case, CaseContext, ConformanceOptions } from "./cases.ts";
import { expiryCases } from "./expiry.ts";
import { inspectionCases } from "./inspection.ts";
import { lifecycleCases } from "./lifecycle.ts";
import { limitsCases } from "./limits.ts";
import { namesCases } from "./names.ts";
import { sessionsCases } from "./sessions.ts";
import { sharingCases } from "./sharing.ts";
import { stateCases } from "./state.ts";
import { valuesCases } from "./values.ts";

export type { ConformanceOptions };
export type { SessionStore, StoreInspector };

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
  open: OpenTestStore,
  options: TestSessionStoreOptions = {},
): void {
  register(name, CASES, (each) => runWith(open, (context) => each.run(context)), options);
}

/** Opens a store for one test. */
export type OpenTestStore = (options: ConformanceOptions) => SessionStore | Promise<SessionStore>;

/** What {@linkcode testStoreInspector} opens. */
export interface InspectedTestStore {
  /** Opens a store. Stores that are opened with the same folder share their sessions. */
  readonly open: OpenTestStore;
  /** Opens an inspector of the stores that were opened with the same folder, of all namespaces. */
  readonly inspect: (
    options: Pick<ConformanceOptions, "folder" | "now">,
  ) => StoreInspector | Promise<StoreInspector>;
}

/**
 * Registers a test for each promise of an inspector, as {@linkcode testSessionStore} does.
 *
 * @param name The store's name, with which the names of the tests begin.
 * @throws {TypeError} if a skipped case does not exist.
 */
export function testStoreInspector(
  name: string,
  { open, inspect }: InspectedTestStore,
  options: TestSessionStoreOptions = {},
): void {
  const run = (each: typeof inspectionCases[number]) =>
    runWith(open, async (context, { folder, keep }) => {
      const inspected = { folder, now: () => context.clock.now };
      await each.run({ ...context, inspect: async () => keep(await inspect(inspected)) });
    });
  register(name, inspectionCases, run, options);
}

function register<C extends { readonly name: string }>(
  name: string,
  cases: readonly C[],
  run: (each: C) => Promise<void>,
  { skip = [] }: TestSessionStoreOptions,
): void {
  const reasons = new Map(skip.flatMap(({ reason, cases }) => cases.map((each) => [each, reason])));
  for (const skipped of reasons.keys()) {
    if (cases.some((each) => each.name === skipped)) continue;
    throw new TypeError(`Cannot skip a case as there is none of this name: "${skipped}"`);
  }
  for (const each of cases) {
    const reason = reasons.get(each.name);
    const suffix = reason === undefined ? "" : ` (not held to: ${reason})`;
    test(`${name}: ${each.name}${suffix}`, async () => {
      if (reason === undefined) return await run(each);
      const holds = await run(each).then(() => true, () => false);
      assert(!holds, `"${each.name}" holds: take it out of what is skipped`);
    });
  }
}

interface TestResources {
  readonly folder: string;
  /** Closes what was opened, at the end of the test. */
  readonly keep: <T extends Closable>(opened: T) => T;
}

interface Closable {
  close(): Promise<void>;
}

async function runWith(
  open: OpenTestStore,
  run: (context: CaseContext, resources: TestResources) => Promise<void>,
): Promise<void> {
  const folder = await makeFolder("mcp-sessions-test-");
  const opened: Closable[] = [];
  const keep: TestResources["keep"] = (one) => {
    opened.push(one);
    return one;
  };
  const clock = { now: 1_800_000_000_000 };
  const another: CaseContext["another"] = async (namespace, limits = {}) =>
    keep(await open({ folder, namespace, limits, now: () => clock.now }));
  try {
    await run({ store: await another("test"), clock, another }, { folder, keep });
  } finally {
    await Promise.all(opened.map((one) => one.close())).finally(() => removeFolder(folder));
  }
}
