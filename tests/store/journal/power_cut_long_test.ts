import { assert, assertEquals } from "@std/assert";
import { FileStore } from "../../../store/mod.ts";
import { Random, testSeed } from "../../support/random.ts";
// @ts-types="../../fixtures/store/before_marks.d.ts"
import { FileStore as OldStore } from "../../fixtures/store/before_marks.js";
import { disksAfter, type Moment, Recorder } from "../../support/store/power_cut.ts";
import { sample } from "../../support/store/samples.ts";
import { all, forEver, put, record, tempFolder } from "../../support/store/stores.ts";

const namespace = "test";

/** Lets several writers work on a file. @returns Every moment of it. */
async function run(path: string, random: Random): Promise<readonly Moment[]> {
  const recorder = new Recorder(path);
  const { wrap } = recorder;
  const open = () => FileStore.open(path, { namespace, wrap, compactBytes: Infinity });
  let next = 0;
  const work = async (store: FileStore, times: number) => {
    for (let i = 0; i < times; i++) {
      const key = `${next++}`;
      await put(store, "sess-1", [key, "x".repeat(random.below(900))]);
      recorder.acknowledge(key);
    }
  };
  {
    await using one = await open();
    await using other = await open();
    await Promise.all([work(one, 3), work(one, 3), work(other, 3), work(other, 3)]);
  }
  await using again = await open();
  await work(again, 3);
  // When all is fsynced, a power cut changes nothing.
  return recorder.moments.filter(({ synced, written }) => written.length > synced.length);
}

/** Opens the file after a power cut, and checks that all acknowledged writes are there. */
async function assertNothingLost(path: string, disk: Uint8Array, acknowledged: readonly string[]) {
  await Deno.writeFile(path, disk, { mode: 0o600 });
  await Deno.remove(`${path}.torn`).catch(() => {});
  const warnings: string[] = [];
  {
    await using store = await FileStore.open(path, {
      namespace,
      warn: (text) => warnings.push(text),
    });
    const found = new Set((await all(store, "sess-1"))?.map(([key]) => key));
    for (const key of acknowledged) assert(found.has(key), `${key} was acknowledged and is lost`);
    const torn = await Deno.readFile(`${path}.torn`).catch(() => new Uint8Array());
    const kept = (await Deno.readFile(path)).subarray(0, disk.length - torn.length);
    assertEquals([...kept, ...torn], [...disk], "what is not kept was set aside");
    assertEquals(warnings.length, torn.length > 0 ? 1 : 0);
    if (torn.length > 0) await put(store, "sess-1", ["after", 1]);
    else return { wasDamaged: false };
  }
  await using again = await FileStore.open(path, { namespace, warn: assertUnreachable });
  assert((await all(again, "sess-1"))?.some(([key]) => key === "after"));
  return { wasDamaged: warnings.some((text) => text.includes("as after a power cut")) };
}

function assertUnreachable(text: string) {
  throw new Error(text);
}

Deno.test("FileStore: a power cut at any moment loses nothing that was acknowledged", async () => {
  await using folder = await tempFolder();
  const seed = testSeed();
  const random = new Random(seed);
  const begin: Record<string, (path: string) => Promise<unknown>> = {
    "a new file": async (path) => {
      await using store = await FileStore.open(path, { namespace });
      await store.create(record("sess-1", forEver));
    },
    "a compacted file": (path) => sample(path, { isCompacted: true }),
    "a file of a version without marks": async (path) => {
      {
        await using store = await OldStore.open(path, { namespace });
        await store.create(record("sess-1", forEver));
      }
      // Damage is refused until the first mark is fsynced.
      await (await FileStore.open(path, { namespace })).close();
    },
  };
  let setAside = 0;
  for (const [what, make] of Object.entries(begin)) {
    const path = `${folder.path}/run.jsonl`;
    await Deno.remove(path).catch(() => {});
    await make(path);
    const moments = await run(path, random);
    for (const [at, moment] of moments.entries()) {
      for (const disk of disksAfter(moment, random)) {
        const opened = await assertNothingLost(
          `${folder.path}/cut.jsonl`,
          disk,
          moment.acknowledged,
        )
          .catch((cause) => {
            throw new Error(`Seed ${seed}, ${what}, moment ${at}`, { cause });
          });
        if (opened.wasDamaged) setAside++;
      }
    }
  }
  assert(setAside > 20, `blocks were lost in the middle: ${setAside}`);
});
