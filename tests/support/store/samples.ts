/**
 * Small files of a store with something of everything in them, and what is in a file.
 *
 * @module
 */
import { FileStore } from "../../../store/mod.ts";
import { all, increment, put, record } from "./stores.ts";

export const forEver = { expiresAt: Number.MAX_SAFE_INTEGER };

/** A file's bytes, and where each of its lines ends. */
export interface Sample {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: readonly number[];
}

/** How a sample is written. */
export interface SampleOptions {
  /** Is all of it but its last lines written anew? @default false */
  readonly isAnew?: boolean;
  /** What writes it. @default FileStore */
  readonly by?: Pick<typeof FileStore, "open">;
}

/** Writes a file with sessions of two servers. */
export async function sample(
  path: string,
  { isAnew = false, by = FileStore }: SampleOptions = {},
): Promise<Sample> {
  {
    await using other = await by.open(path, { namespace: "other" });
    await other.create(record("sess-2", forEver));
    await put(other, "sess-2", ["a", { deep: [null, 0] }]);
    const compactBytes = isAnew ? 500 : Infinity;
    await using store = await by.open(path, { namespace: "test", compactBytes });
    await store.create(record("sess-1", { ...forEver, owner: "ann", alias: "work" }));
    do await increment(store, "sess-1"); while (isAnew && await generation(path) === 1);
  }
  {
    await using store = await by.open(path, { namespace: "test" });
    await using other = await by.open(path, { namespace: "other" });
    await store.create(record("sess-3", forEver));
    await put(store, "sess-1", ["key-0", "välue 0"], ["n", undefined]);
    await put(other, "sess-2", ["a", 2]);
    await store.delete("sess-3");
    for (let i = 1; i < 3; i++) await put(store, "sess-1", [`key-${i}`, `välue ${i}`]);
  }
  const bytes = await Deno.readFile(path);
  const ends = [...bytes.keys()].filter((i) => bytes[i] === 10).map((i) => i + 1);
  return { bytes, ends };
}

/** Which writing of it a file is. */
export async function generation(path: string): Promise<number> {
  const text = await Deno.readTextFile(path);
  return JSON.parse(text.slice(0, text.indexOf("\n"))).generation;
}

/** All that two servers have in a file: the sessions of each owner, and the entries of each session. */
export async function contents(
  path: string,
  warnings: string[] = [],
  by: Pick<typeof FileStore, "open"> = FileStore,
): Promise<Record<string, [string, unknown][]>> {
  const found: Record<string, [string, unknown][]> = {};
  const warn = (text: string) => warnings.push(text);
  for (const namespace of ["test", "other"]) {
    await using store = await by.open(path, { namespace, warn });
    for (const owner of ["ann", null]) {
      const sessions = await store.list({ owner, limit: 9 });
      found[`${namespace} ${owner}`] = sessions.map((session) => [session.id, session]);
      for (const { id } of sessions) found[`${namespace} ${id}`] = await all(store, id) ?? [];
    }
  }
  return found;
}
