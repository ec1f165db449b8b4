/**
 * The stores that the suite runs over, and what every test of them starts from.
 *
 * @module
 */

import {
  type Json,
  openStore,
  type SessionRecord,
  type SessionStore,
  type StoreLimits,
} from "../../store/mod.ts";

/** A store under test. */
export interface Bench {
  readonly store: SessionStore;
  /** The store's clock: it stands still until a test moves it. */
  readonly clock: { now: number };
  /** Opens another store on the same place; closed with the test. */
  another(namespace: string, limits?: Partial<StoreLimits>): Promise<SessionStore>;
}

const remote = Deno.env.get("TEST_KV_URL");

/**
 * Every store: its name, the URL of one in a folder, and whether two can be in one place. A remote
 * KV needs a process with its token: the suite runs over that alone, when the environment names it.
 */
export const STORES = remote ? [{ name: "kv remote", url: () => `kv:${remote}`, shared: true }] : [
  { name: "memory", url: () => "memory:", shared: false },
  { name: "file", url: (folder: string) => `file:${folder}/sessions.jsonl`, shared: true },
  { name: "kv", url: (folder: string) => `kv:${folder}/sessions.kv`, shared: true },
];

/** Runs one test on every store, or on every one that two can share. */
export function everyStore(
  name: string,
  run: (bench: Bench) => Promise<void>,
  { shared = false }: { readonly shared?: boolean } = {},
) {
  for (const kind of STORES) {
    if (shared && !kind.shared) continue;
    Deno.test(`${kind.name} store: ${name}`, async () => {
      await using folder = await tempFolder();
      await using open = new AsyncDisposableStack();
      const clock = { now: 1_800_000_000_000 };
      // The tests of a remote are all in one place.
      const test = crypto.randomUUID().slice(0, 8);
      const another = async (namespace: string, limits: Partial<StoreLimits> = {}) =>
        open.use(
          await openStore(kind.url(folder.path), {
            namespace: `${namespace}-${test}`,
            limits,
            now: () => clock.now,
            warn: (message) => {
              throw new Error(`Nothing should be mended here: ${message}`);
            },
          }),
        );
      await run({ store: await another("test"), clock, another });
    });
  }
}

/** A folder that is gone at the end of the scope. */
export async function tempFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "mcp-sessions-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** A record for a session that ends long after the tests' clock. */
export function record(id: string, rest: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id,
    stateId: `state-${id}`,
    owner: null,
    alias: null,
    ttlMs: 60_000,
    expiresAt: 1_800_000_060_000,
    endsAt: null,
    toolCalls: 0,
    data: { title: "A test", reason: "tests" },
    ...rest,
  };
}

/** Writes some keys of a session's state. */
export async function put(
  store: SessionStore,
  id: string,
  ...set: readonly (readonly [string, Json | undefined])[]
) {
  return await store.transact(id, { update: () => ({ value: undefined, set }) });
}

/** Adds one to a number in a session's state, as a transaction. */
export function increment(store: SessionStore, id: string, key = "n") {
  return store.transact(id, {
    keys: [key],
    calls: 1,
    update: (state) => {
      const n = Number(state.get(key) ?? 0) + 1;
      return { value: n, set: [[key, n]] };
    },
  });
}

/** All of a session's state. */
export async function all(store: SessionStore, id: string): Promise<[string, Json][] | undefined> {
  return await store.entries(id, { limit: 100_000 });
}
