/** KVs whose commits fail, hang or are held by a test. */

/** A KV in memory with the commits of a test; `undefined` lets KV commit. */
export async function faultyKv(
  commit: () => Promise<Deno.KvCommitResult | Deno.KvCommitError> | undefined,
) {
  const kv = await Deno.openKv(":memory:");
  const atomic = kv.atomic.bind(kv);
  kv.atomic = () => {
    const operation = atomic();
    const real = operation.commit.bind(operation);
    operation.commit = () => commit() ?? real();
    return operation;
  };
  return kv;
}

/** Holds one of a KV's next commits. */
export function holdCommit(kv: Deno.Kv, number: number) {
  const atomic = kv.atomic.bind(kv);
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const { promise: gone, resolve: goOn } = Promise.withResolvers<void>();
  kv.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      if (--number === 0) {
        reach();
        await gone;
      }
      return await commit();
    };
    return operation;
  };
  return { reached, goOn };
}
