/** Owners, groups and modes of the files of stores and jars. */

import process from "node:process";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FileJar } from "../../../client/jar/file_jar.ts";
import { run } from "../../support/store/admin/admin_runs.ts";
import { FileStore, openStore } from "../../../store/mod.ts";
import { replaceMethod, systemError } from "../../support/system_faults.ts";
import { generation } from "../../support/store/samples.ts";
import {
  forEver,
  gather,
  increment,
  namesIn,
  put,
  record,
  refused,
  tempFolder,
  testsUnless,
} from "../../support/store/stores.ts";

const isWindows = Deno.build.os === "windows";
const isRoot = !isWindows && Deno.uid() === 0;

/** Gives a file to another user if this user may. */
async function giveAway(path: string, mode: number) {
  if (isRoot) await Deno.chown(path, 65_534, 65_533);
  await Deno.chmod(path, mode);
}

function accessOf(path: string): string {
  const { uid, gid, mode } = Deno.statSync(path);
  return `${uid}:${gid} ${((mode ?? 0) & 0o7777).toString(8)}`;
}

/** The ownership of each file in a folder, by its name. */
function allIn(folder: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(Deno.readDirSync(folder), ({ name }) => [name, accessOf(`${folder}/${name}`)]),
  );
}

async function newStore(path: string) {
  await using store = await FileStore.open(path, { namespace: "test" });
  await store.create(record("sess-1", forEver));
}

/** Uses a store until its file is compacted, and leaves a torn line. */
async function compact(path: string, warnings: string[] = []) {
  {
    const warn = (text: string) => warnings.push(text);
    await using store = await FileStore.open(path, { namespace: "test", compactBytes: 3000, warn });
    for (let i = 0; await generation(path) === 1; i++) {
      await put(store, "sess-1", ["a", `${i} ${"x".repeat(100)}`]);
    }
  }
  await Deno.writeTextFile(path, "unfinished", { append: true });
  await (await FileStore.open(path, { namespace: "test", warn: () => {} })).close();
}

const test = testsUnless(isWindows && "Windows has no owners");

for (const mode of [0o600, 0o640, 0o660]) {
  test(`FileStore: a file of mode ${mode.toString(8)} keeps it, its owner and its group in a compaction, and its side files have them too`, async ({ path, folder }) => {
    await newStore(path);
    await giveAway(path, mode);
    const before = accessOf(path);
    const warnings: string[] = [];
    await compact(path, warnings);
    assertEquals(allIn(folder), {
      "sessions.jsonl": before,
      "sessions.jsonl.lock": before,
      "sessions.jsonl.torn": before,
    });
    assertEquals(warnings, []);
  });
}

test("FileStore: an empty file that becomes a store keeps its owner, group and mode", async ({ path, folder }) => {
  await Deno.writeTextFile(path, "");
  await giveAway(path, 0o660);
  const before = accessOf(path);
  await newStore(path);
  assertEquals(allIn(folder), { "sessions.jsonl": before, "sessions.jsonl.lock": before });
});

test("FileStore: open() takes the permissions of others from a file, and warns once", async () => {
  for (const mode of [0o666, 0o664, 0o646, 0o607]) {
    await using folder = await tempFolder();
    const path = `${folder.path}/sessions.jsonl`;
    await newStore(path);
    await giveAway(path, mode);
    const { warnings, warn } = gather();
    const kept = (mode & 0o770).toString(8);
    for (let i = 0; i < 2; i++) {
      await (await FileStore.open(path, { namespace: "test", warn })).close();
      for (const access of Object.values(allIn(folder.path))) assertMatch(access, / [67][0-7]0$/);
    }
    const was = mode.toString(8);
    assertEquals(warnings, [
      `Others could use ${path}: its mode was ${was}, and is ${kept} now`,
    ]);
  }
});

/** Makes a file look like another user's, in a process that may not change owners. */
function notAllowed(path: string, { uid, gid }: { uid?: number; gid?: number }): Disposable {
  const fs = process.getBuiltinModule("node:fs");
  const stack = new DisposableStack();
  stack.use(replaceMethod(Deno, "statSync", (real) => (of) => {
    const info = real(of);
    return of === path ? { ...info, uid: uid ?? info.uid, gid: gid ?? info.gid } : info;
  }));
  stack.use(replaceMethod(fs, "fchownSync", () => () => {
    throw systemError("EPERM");
  }));
  return stack;
}

test("FileStore: does not compact a file whose owner or group it cannot keep, and warns once", async () => {
  for (const other of [{ uid: 4242 }, { gid: 4242 }]) {
    await using folder = await tempFolder();
    const path = `${folder.path}/sessions.jsonl`;
    await newStore(path);
    await Deno.chmod(path, 0o660);
    const before = accessOf(path);
    const { warnings, warn } = gather();
    {
      using _ = notAllowed(path, other);
      await using store = await FileStore.open(path, {
        namespace: "test",
        compactBytes: 900,
        warn,
      });
      // Past the size of more than one retry.
      const value = "x".repeat(50_000);
      for (let i = 0; i < 16; i++) await put(store, "sess-1", ["a", `${i} ${value}`]);
      assertEquals((await increment(store, "sess-1"))?.value, 1);
    }
    assertEquals([accessOf(path), await generation(path)], [before, 1]);
    assertEquals(Object.keys(allIn(folder.path)).sort(), [
      "sessions.jsonl",
      "sessions.jsonl.lock",
    ]);
    const [lock = "", compaction = ""] = warnings;
    assertEquals(warnings.length, 2, warnings.join("\n"));
    assertMatch(lock, /\.lock cannot be given the owner, group and mode of .*whoever has those/);
    assertMatch(
      compaction,
      /Cannot compact .*sessions\.jsonl.*lock nobody out; run it as that owner/,
    );
  }
});

test("FileStore: compacts a file of another group that has no permissions", async ({ path }) => {
  await newStore(path);
  const warnings: string[] = [];
  using _ = notAllowed(path, { gid: 4242 });
  await compact(path, warnings);
  assertEquals(warnings, []);
});

test("FileStore: does not replace another user's empty file by one that they cannot use", async ({ path, folder }) => {
  await Deno.writeTextFile(path, "", { mode: 0o660 });
  using _ = notAllowed(path, { uid: 4242 });
  const open = () => FileStore.open(path, { namespace: "test", warn: () => {} });
  const message = await refused("unavailable", open);
  assert(message.includes(path) && message.includes("lock nobody out"), message);
  assertEquals((await Deno.stat(path)).size, 0);
  assertEquals(namesIn(folder), ["sessions.jsonl", "sessions.jsonl.lock"]);
});

test("FileStore: warns of a mode that this user may not change", async ({ path }) => {
  await newStore(path);
  await Deno.chmod(path, 0o666);
  using _ = replaceMethod(process.getBuiltinModule("node:fs"), "fchmodSync", () => () => {
    throw systemError("EPERM");
  });
  const { warnings, warn } = gather();
  await using store = await FileStore.open(path, { namespace: "test", warn });
  await increment(store, "sess-1");
  assertMatch(
    warnings.at(-1)!,
    /^Others can use .*whoever owns it must change its mode from 666 to 660$/,
  );
});

test("store repair: the new file has the owner, group and mode of the old one", async ({ path, folder }) => {
  await newStore(path);
  await giveAway(path, 0o660);
  await Deno.writeTextFile(path, "damaged\n", { append: true });
  const to = `${folder}/new.jsonl`;
  await run("repair", path, "--to", to);
  assertEquals(accessOf(to), accessOf(path));
});

test("FileJar: keeps its owner, with a mode for that user alone", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  await (await FileJar.open(path)).close();
  const { warnings, warn } = gather();
  for (const mode of [0o660, 0o644, 0o600]) {
    await giveAway(path, mode);
    const kept = accessOf(path).replace(/\d+$/, "600");
    {
      await using jar = await FileJar.open(path, { warn });
      const key = { server: "https://example.com/mcp", profile: "default" };
      const next = (await generation(path)) + 1;
      while (await generation(path) < next) {
        await Promise.all(
          Array.from(
            { length: 100 },
            () => jar.set(key, { id: "sess-1", data: { a: "x".repeat(99) } }),
          ),
        );
      }
    }
    assertEquals(allIn(folder.path), { "cookies.jsonl": kept, "cookies.jsonl.lock": kept });
  }
  assertEquals(warnings, []);
});

const testAsRoot = testsUnless(!isRoot && "only root can give files away");

testAsRoot("FileStore: files that root makes in a user's folder are that user's", async (file) => {
  const { folder } = file;
  await Deno.chown(folder, 65_534, 65_533);
  const state = `${folder}/state/mcp-sessions`;
  const path = `${state}/sessions.jsonl`;
  await newStore(path);
  await compact(path);
  await (await FileJar.open(`${state}/cookies.jsonl`)).close();
  {
    await using store = await openStore(`kv:${state}/sessions.kv`, { namespace: "test" });
    await store.create(record("sess-1", forEver));
    for (const [name, access] of Object.entries(allIn(state))) {
      assertEquals(access, "65534:65533 600", name);
    }
  }
  for (const made of [state, `${folder}/state`]) assertEquals(accessOf(made), "65534:65533 700");
});

testAsRoot("FileStore: side files that root once left become the user's", async (file) => {
  const { path, folder } = file;
  await Deno.chown(folder, 65_534, 65_533);
  await newStore(path);
  await Deno.chown(`${path}.lock`, 0, 0);
  await Deno.writeTextFile(`${path}.new`, "half of something", { mode: 0o600 });
  await compact(path);
  for (const access of Object.values(allIn(folder))) assertEquals(access, "65534:65533 600");
});
