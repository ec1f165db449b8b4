/** Small files of a store with every kind of line, and the content of a file. */
import { FileStore } from "../../../store/mod.ts";
import { all, forEver, increment, put, record } from "./stores.ts";

/** A file's bytes, and the end of each line. */
export interface Sample {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: readonly number[];
}

export interface SampleOptions {
  /** Whether all but its last lines are compacted. @default false */
  readonly isCompacted?: boolean;
  /** The version that writes it. @default FileStore */
  readonly by?: Pick<typeof FileStore, "open">;
}

/** Writes a file with sessions of two servers. */
export async function sample(
  path: string,
  { isCompacted = false, by = FileStore }: SampleOptions = {},
): Promise<Sample> {
  {
    await using other = await by.open(path, { namespace: "other" });
    await other.create(record("sess-2", forEver));
    await put(other, "sess-2", ["a", { deep: [null, 0] }]);
    const compactBytes = isCompacted ? 500 : Infinity;
    await using store = await by.open(path, { namespace: "test", compactBytes });
    await store.create(record("sess-1", { ...forEver, owner: "ann", alias: "work" }));
    do await increment(store, "sess-1"); while (isCompacted && await generation(path) === 1);
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

/** The generation of a file: 1, and one more with each compaction. */
export async function generation(path: string): Promise<number> {
  const text = await Deno.readTextFile(path);
  return JSON.parse(text.slice(0, text.indexOf("\n"))).generation;
}

/** The content of a file of two servers: the sessions of each owner, and their entries. */
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
