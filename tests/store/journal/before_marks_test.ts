/**
 * Files that versions with and without sync marks write, in turn and at once.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FileJar } from "../../../client/mod.ts";
import { FileStore, StoreError } from "../../../store/mod.ts";
import { run } from "../../support/store/admin_runs.ts";
// @ts-types="../../fixtures/store/before_marks.d.ts"
import {
  admin as oldAdmin,
  FileJar as OldJar,
  FileStore as OldStore,
} from "../../fixtures/store/before_marks.js";
import { killWriters } from "../../support/store/killing.ts";
import { contents, generation, sample } from "../../support/store/samples.ts";
import { increment, put, tempFolder } from "../../support/store/stores.ts";

const silent = { log: () => {}, error: () => {} };

Deno.test("FileStore: versions with and without marks read each other's files", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  for (const isCompacted of [false, true]) {
    for (const [by, other] of [[FileStore, OldStore], [OldStore, FileStore]] as const) {
      await Deno.remove(path).catch(() => {});
      await sample(path, { isCompacted, by });
      const warnings: string[] = [];
      const whole = await contents(path, warnings, by);
      assertEquals(await contents(path, warnings, other), whole);
      // The other compacts it, and goes on.
      const before = await generation(path);
      {
        await using store = await other.open(path, { namespace: "test", compactBytes: 1 });
        do await increment(store, "sess-1"); while (await generation(path) === before);
        await put(store, "sess-1", ["other", 1], ["n", undefined]);
      }
      const changed = await contents(path, warnings, by);
      assertEquals(changed["test sess-1"]?.map(([key]) => key), [
        "key-0",
        "key-1",
        "key-2",
        "other",
      ]);
      assertEquals(await contents(path, warnings, other), changed);
      assertEquals(warnings, []);
      assertEquals(run("verify", path).status, 0);
      assertEquals(oldAdmin(["verify", path], silent), 0);
    }
  }
});

Deno.test("FileStore: opens a file that the version without marks has repaired", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  for (const isCompacted of [false, true]) {
    await Deno.remove(path).catch(() => {});
    await sample(path, { isCompacted });
    const whole = await contents(path);
    await Deno.remove(`${path}.new`).catch(() => {});
    assertEquals(oldAdmin(["repair", path, "--to", `${path}.new`], silent), 0);
    assertEquals(run("verify", `${path}.new`).status, 0);
    assertEquals(await contents(`${path}.new`), whole);
  }
});

Deno.test("FileStore: refuses damage in the last line of a version without marks", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await sample(path);
  {
    await using store = await OldStore.open(path, { namespace: "test" });
    await put(store, "sess-1", ["last", 1]);
  }
  const whole = await Deno.readFile(path);
  const start = whole.lastIndexOf(0x0a, whole.length - 2) + 1;
  for (let at = start; at < whole.length; at++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      const bytes = whole.slice();
      bytes[at]! ^= bit;
      await Deno.writeFile(path, bytes);
      await assertRejects(() => FileStore.open(path, { namespace: "test" }), StoreError, "damaged");
      assertEquals(await Deno.readFile(path), bytes);
    }
  }
  assertEquals(run("verify", path).status, 1);
});

Deno.test("FileStore: loses nothing when killed processes of both versions wrote at once", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const killed = await killWriters(path, {
    kills: 16,
    writers: 4,
    random: Math.random,
    areSomeOld: true,
  });
  assert(killed.acknowledged >= 1000, `${killed.acknowledged} writes were acknowledged`);
  assert(killed.generation > 4, `compactions: ${killed.generation - 1}`);
});

Deno.test("FileJar: versions with and without marks use one file at once", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  const warnings: string[] = [];
  const options = { warn: (text: string) => warnings.push(text) };
  await using jar = await FileJar.open(path, options);
  await using old = await OldJar.open(path, options);
  const key = (i: number) => ({ server: `http://localhost:${i}/`, profile: "default" });
  for (let i = 0; i < 2000; i++) {
    const [one, other] = i % 2 === 0 ? [jar, old] : [old, jar];
    await one!.set(key(i % 5), { id: `sess-${i}` });
    assertEquals((await other!.get(key(i % 5)))?.id, `sess-${i}`);
  }
  assert(await generation(path) > 2, "it is compacted");
  assertEquals(warnings, []);
});
