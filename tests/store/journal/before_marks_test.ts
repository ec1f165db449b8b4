/** Files that versions with and without sync marks write, in turn and at once. */
import { assertEquals, assertRejects } from "@std/assert";
import { FileStore, StoreError } from "../../../store/mod.ts";
import { run } from "../../support/store/admin/admin_runs.ts";
// @ts-types="../../fixtures/store/before_marks.d.ts"
import { admin as oldAdmin, FileStore as OldStore } from "../../fixtures/store/before_marks.js";
import { contents, generation, sample } from "../../support/store/samples.ts";
import { increment, put, test } from "../../support/store/stores.ts";

const silent = { log: () => {}, error: () => {} };

test("FileStore: versions with and without marks read each other's files", async ({ path }) => {
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
      assertEquals((await run("verify", path)).status, 0);
      assertEquals(oldAdmin(["verify", path], silent), 0);
    }
  }
});

test("FileStore: opens a file that the version without marks has repaired", async ({ path }) => {
  for (const isCompacted of [false, true]) {
    await Deno.remove(path).catch(() => {});
    await sample(path, { isCompacted });
    const whole = await contents(path);
    await Deno.remove(`${path}.new`).catch(() => {});
    assertEquals(oldAdmin(["repair", path, "--to", `${path}.new`], silent), 0);
    assertEquals((await run("verify", `${path}.new`)).status, 0);
    assertEquals(await contents(`${path}.new`), whole);
  }
});

test("FileStore: refuses damage in the last line of a version without marks", async ({ path }) => {
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
  assertEquals((await run("verify", path)).status, 1);
});
