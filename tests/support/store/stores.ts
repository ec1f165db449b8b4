import { assertInstanceOf, assertRejects } from "@std/assert";
import { RefusedError } from "../../../store/errors.ts";
import { type JournalFile, StoreError } from "../../../store/mod.ts";
import { tempFolder } from "../temp_folder.ts";

export {
  all,
  fill,
  increment,
  put,
  record,
  refused,
  renew,
} from "../../../store/conformance/cases.ts";
export { tempFolder };

/** Of a session that never expires. */
export const forEver = { expiresAt: Number.MAX_SAFE_INTEGER };

/** Registers a test of a file, which is `path` in a folder of its own. */
export const test = testsUnless(false);

/** The same for a file of tests that are ignored for a reason to `skip`. */
export function testsUnless(skip: string | false) {
  return (name: string, run: (file: { path: string; folder: string }) => Promise<void>) => {
    const fn = async () => {
      await using folder = await tempFolder();
      await run({ path: `${folder.path}/sessions.jsonl`, folder: folder.path });
    };
    Deno.test({ name: skip ? `${name} (${skip})` : name, ignore: skip !== false, fn });
  };
}

/** A list of warnings, and the function that adds to it. */
export function gather() {
  const warnings: string[] = [];
  return { warnings, warn: (text: string) => void warnings.push(text) };
}

/** The message of what ends in `unavailable` without another try. */
export async function refusedAtOnce(call: () => Promise<unknown>): Promise<string> {
  const error = await assertRejects(call, StoreError);
  assertInstanceOf(error, RefusedError, error.message);
  return error.message;
}

/** The files in a folder. */
export function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

/** A file with other methods in place of some of its own. */
export function wrapped(file: JournalFile, others: Partial<JournalFile>): JournalFile {
  return {
    writeSync: (bytes) => file.writeSync(bytes),
    truncateSync: (length) => file.truncateSync(length),
    syncData: () => file.syncData(),
    ...others,
  };
}
