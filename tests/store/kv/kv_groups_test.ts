import { assert, assertEquals, assertRejects } from "@std/assert";
import { type KvCommit, KvGroups } from "../../../store/kv/kv_groups.ts";
import { StoreError } from "../../../store/mod.ts";
import { range } from "../../support/store/rows_cases.ts";

/** A commit of one row, with so many checks. */
function commitOf(row: string, checks = 2): KvCommit {
  const check = { key: [row], versionstamp: null };
  const small = { rows: [row], keys: 2, keyBytes: 100, valueBytes: 100 };
  return { small, checks: Array(checks).fill(check), write: () => {} };
}

function rowsIn({ checks }: KvCommit): string[] {
  return [...new Set(checks.map(({ key }) => String(key[0])))];
}

Deno.test("KvGroups: commits of one moment go together, within nine checks", async () => {
  const made: string[][] = [];
  const groups = new KvGroups((commit) => {
    made.push(rowsIn(commit));
    return Promise.resolve("1");
  }, 9);
  const versions = await Promise.all(range(10, (n) => groups.add(commitOf(`${n}`))));
  assertEquals(versions, Array(10).fill("1"));
  assertEquals(made, [["0", "1", "2", "3"], ["4", "5", "6", "7"], ["8", "9"]]);
});

Deno.test("KvGroups: commits of one row do not go together", async () => {
  const made: string[][] = [];
  const groups = new KvGroups((commit) => {
    made.push(rowsIn(commit));
    return Promise.resolve("1");
  }, 9);
  await Promise.all(["a", "b", "a", "c"].map((row) => groups.add(commitOf(row))));
  assertEquals(made, [["a", "b"], ["a", "c"]]);
});

Deno.test("KvGroups: a group that loses is made one by one", async () => {
  const groups = new KvGroups(
    (commit) => Promise.resolve(rowsIn(commit).includes("b") ? undefined : rowsIn(commit).join()),
    9,
  );
  const versions = await Promise.all(["a", "b", "c"].map((row) => groups.add(commitOf(row))));
  assertEquals(versions, ["a", undefined, "c"]);
});

Deno.test("KvGroups: what loses in a large group costs few others an attempt of their own", async () => {
  const sizes: number[] = [];
  const groups = new KvGroups((commit) => {
    const rows = rowsIn(commit);
    sizes.push(rows.length);
    return Promise.resolve(rows.includes("7") ? undefined : "1");
  }, 100);
  const versions = await Promise.all(range(40, (n) => groups.add(commitOf(`${n}`))));
  assertEquals(versions, range(40, (n) => n === 7 ? undefined : "1"));
  assertEquals(sizes, [40, ...Array(10).fill(4), 1, 1, 1, 1]);
});

Deno.test("KvGroups: a group stays within the bytes that a commit takes", async () => {
  const made: string[][] = [];
  const groups = new KvGroups((commit) => {
    made.push(rowsIn(commit));
    return Promise.resolve("1");
  }, 100);
  const sized = (row: string, keyBytes: number, valueBytes: number) => ({
    ...commitOf(row),
    small: { rows: [row], keys: 1, keyBytes, valueBytes },
  });
  const large = { ...commitOf("large"), small: undefined };
  await Promise.all([
    ...["a", "b", "c"].map((row) => groups.add(sized(row, 100, 200 * 1024))),
    ...["d", "e", "f"].map((row) => groups.add(sized(row, 30 * 1024, 100))),
    groups.add(large),
    groups.add(commitOf("g")),
  ]);
  assertEquals(made, [["a", "b"], ["c", "d", "e"], ["f"], ["large"], ["g"]]);
});

Deno.test("KvGroups: an error is that of all in its group, and of no others", async () => {
  const error = new StoreError("unavailable", "Away");
  const groups = new KvGroups(
    (commit) => rowsIn(commit).includes("b") ? Promise.reject(error) : Promise.resolve("1"),
    9,
  );
  const all = range(8, (n) => groups.add(commitOf(n === 1 ? "b" : `${n}`)));
  for (const each of all.slice(0, 4)) await assertRejects(() => each, StoreError, "Away");
  assertEquals(await Promise.all(all.slice(4)), Array(4).fill("1"));
});

Deno.test("KvGroups: a commit that hangs holds up none for long", async () => {
  const hung = Promise.withResolvers<string>();
  const groups = new KvGroups(
    (commit) => rowsIn(commit)[0]!.startsWith("hung") ? hung.promise : Promise.resolve("1"),
    9,
  );
  const hanging = [];
  for (const row of ["hung 1", "hung 2"]) {
    hanging.push(groups.add(commitOf(row)));
    await Promise.resolve();
  }
  for (let n = 0; n < 3; n++) assertEquals(await groups.add(commitOf(`${n}`)), "1");
  hung.resolve("2");
  assert((await Promise.all(hanging)).every((version) => version === "2"));
});
