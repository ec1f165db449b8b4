import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4";
import { FileStore, StoreError } from "../../../store/mod.ts";
import { run } from "../../support/store/admin/admin_runs.ts";
// @ts-types="../../fixtures/store/before_marks.d.ts"
import { FileStore as OldStore } from "../../fixtures/store/before_marks.js";
import { headCuts, type Mutated, mutations } from "../../support/store/mutations.ts";
import { contents, sample } from "../../support/store/samples.ts";
import { test } from "../../support/store/stores.ts";

type Contents = Awaited<ReturnType<typeof contents>>;

/** The counts of each server in the output of the commands. */
function countsIn(said: string): Record<string, string> {
  const counts = said.matchAll(/^ {2}server "(.*)": (\d+ sessions?).* with (\d+ values?)$/gm);
  return Object.fromEntries(Array.from(counts, ([, name, ...what]) => [name!, what.join(", ")]));
}

/** The counts of each server in a file. */
function countsOf(found: Contents): Record<string, string> {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const counts = ["test", "other"].map((name) => {
    const ids = [...found[`${name} ann`] ?? [], ...found[`${name} null`] ?? []].map(([id]) => id);
    const values = ids.reduce((sum, id) => sum + (found[`${name} ${id}`]?.length ?? 0), 0);
    return [name, `${count(ids.length, "session")}, ${count(values, "value")}`] as const;
  });
  return Object.fromEntries(counts.filter(([, text]) => !text.startsWith("0 ")));
}

/** The content of a file; `undefined` if a store refuses it, which must change nothing. */
async function opened(path: string, bytes: Uint8Array): Promise<Contents | undefined> {
  await Deno.writeFile(path, bytes);
  await Deno.remove(`${path}.torn`).catch(() => {});
  try {
    return await contents(path);
  } catch (error) {
    assert(error instanceof StoreError && error.code === "corrupt", String(error));
    assertEquals(await Deno.readFile(path), bytes);
    return undefined;
  }
}

/** Asserts that store, verify and repair agree on a file that had the content `whole`. */
async function assertAgreement(path: string, { bytes }: Mutated, whole: Contents | undefined) {
  const found = await opened(path, bytes);
  await Deno.writeFile(path, bytes);
  const verified = await run("verify", path);
  assertEquals(verified.wrong, "");
  assertEquals(verified.status, found === undefined ? 1 : 0, verified.said);
  assertEquals(verified.said.includes(`${path} is sound.`), found !== undefined, verified.said);
  if (found !== undefined) assertEquals(countsIn(verified.said), countsOf(found), verified.said);
  const to = `${path}.repaired`;
  await Deno.remove(to).catch(() => {});
  const repaired = await run("repair", path, "--to", to);
  assertEquals(repaired.wrong, "");
  assertEquals(await Deno.readFile(path), bytes, "it was not changed");
  const isNothingLost = /^Nothing is lost\.$/m.test(repaired.said);
  assertEquals(repaired.status, isNothingLost ? 0 : 1, repaired.said);
  const isForeign = repaired.said.includes("was not written");
  assertEquals(isForeign, verified.said.includes("is no store's file"));
  if (isForeign) {
    assertEquals(await Deno.stat(to).catch(() => undefined), undefined);
    return repaired;
  }
  if (found === undefined) {
    assert(/ is damaged in [1-9]\d* places?:\n {2}line /.test(verified.said));
  }
  assertEquals((await run("verify", to)).status, 0);
  const saved = await opened(to, await Deno.readFile(to));
  assert(saved !== undefined, "the new file opens");
  assertEquals(countsIn(repaired.said), countsOf(saved), repaired.said);
  if (found !== undefined) assertEquals(saved, found);
  if (isNothingLost && whole !== undefined) assertEquals(saved, whole, repaired.said);
  return repaired;
}

const FILES = [
  { name: "a file", isCompacted: false, by: FileStore },
  { name: "a compacted file", isCompacted: true, by: FileStore },
  { name: "a file of a version without marks", isCompacted: false, by: OldStore },
  { name: "a compacted file of a version without marks", isCompacted: true, by: OldStore },
];

test("store verify and repair: agree with the store on files without their beginning", async ({ path }) => {
  for (const { name, ...options } of FILES) {
    await Deno.remove(path).catch(() => {});
    const { bytes } = await sample(path, options);
    const whole = await contents(path);
    for (const mutated of headCuts(bytes)) {
      await assertAgreement(path, mutated, whole).catch((cause) => {
        throw new Error(`${name}, ${mutated.what}`, { cause });
      });
    }
  }
});

test("store verify and repair: agree with the store on a file after any accident", async ({ path }) => {
  const { bytes: other } = await sample(`${path}.other`);
  for (const { name, ...options } of FILES) {
    await Deno.remove(path).catch(() => {});
    const { bytes } = await sample(path, options);
    const whole = await contents(path);
    // Without a mark, the lines of a snapshot are not known.
    const isKnown = !options.isCompacted || options.by === FileStore;
    const property = fc.asyncProperty(mutations(bytes, other), async (mutated) => {
      const before = mutated.cut === undefined
        ? whole
        : await opened(path, bytes.subarray(0, mutated.cut));
      await assertAgreement(path, mutated, isKnown ? before : undefined);
    });
    await fc.assert(property, { numRuns: 60 }).catch((cause) => {
      throw new Error(`${name}: ${cause.message}`, { cause });
    });
  }
});
