/**
 * The limits of Deno KV: what denokv takes, and what a KV in a file takes.
 *
 * @module
 */

/** The most keys of one read. */
export const MAX_KEYS_READ = 10;
/** The most checks of a commit. */
export const MAX_CHECKS = 10;
export const MAX_CHECKS_IN_FILE = 100;

const inFiles = new WeakSet<Deno.Kv>();

/** Whether a KV is known to be in a file. */
export function isInFile(kv: Deno.Kv): boolean {
  return inFiles.has(kv);
}

/** Notes that a KV is in a file: that cannot be seen of it. */
export function noteInFile(kv: Deno.Kv): Deno.Kv {
  inFiles.add(kv);
  return kv;
}
