/** Processes with and without marks on one file at once. */

import { assert, assertEquals } from "@std/assert";
import { FileJar } from "../../../client/mod.ts";
// @ts-types="../../fixtures/store/before_marks.d.ts"
import { FileJar as OldJar } from "../../fixtures/store/before_marks.js";
import { killWriters } from "../../support/store/killing.ts";
import { generation } from "../../support/store/samples.ts";
import { tempFolder } from "../../support/store/stores.ts";

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
