import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FileStore, type JournalFile, openStore } from "../../../store/mod.ts";
import { systemError } from "../../support/system_faults.ts";
import {
  all,
  forEver,
  gather,
  increment,
  put,
  record,
  refused,
  tempFolder,
  test,
  testsUnless,
} from "../../support/store/stores.ts";

interface Faults {
  write?: Error;
  truncate?: Error;
  sync?: Error;
}

/** A file with faults that a test can set. */
function faultyFile(file: Deno.FsFile, faults: Faults): JournalFile {
  return {
    writeSync(bytes) {
      if (faults.write === undefined) return file.writeSync(bytes);
      // A full disk takes a part, and gives its error only for the rest.
      if (bytes.length > 20) return file.writeSync(bytes.subarray(0, bytes.length - 20));
      throw faults.write;
    },
    truncateSync(length) {
      if (faults.truncate !== undefined) throw faults.truncate;
      file.truncateSync(length);
    },
    async syncData() {
      if (faults.sync !== undefined) throw faults.sync;
      await file.syncData();
    },
  };
}

async function faulty(path: string) {
  const faults: Faults = {};
  const wrap = (file: Deno.FsFile) => faultyFile(file, faults);
  const store = await FileStore.open(path, { namespace: "test", wrap });
  await store.create(record("sess-1", forEver));
  await put(store, "sess-1", ["a", 1]);
  return { store, faults };
}

test("FileStore: a write that fails half way is undone in the file and in memory", async ({ path }) => {
  const { store, faults } = await faulty(path);
  await using _ = store;
  const before = await Deno.readFile(path);
  faults.write = systemError("ENOSPC");
  const refused = await Promise.allSettled([
    increment(store, "sess-1"),
    increment(store, "sess-1"),
    put(store, "sess-1", ["a", undefined], ["b", 2]),
    store.create(record("sess-2", { ...forEver, alias: "work" })),
    // A conflict with what is undone would be none.
    store.create(record("sess-2", { ...forEver, stateId: "another" })),
    store.transact("sess-2", { calls: 1, update: () => ({ value: 1 }) }),
    store.delete("sess-1"),
  ]);
  for (const result of refused) {
    assert(result.status === "rejected");
    assertEquals(result.reason.code, "full");
    assert(result.reason.message.includes(path));
  }
  assertEquals(await Deno.readFile(path), before);
  assertEquals(await store.get("sess-2"), undefined);
  assertEquals(await store.get({ owner: null, alias: "work" }), undefined);
  assertEquals((await store.get("sess-1"))?.toolCalls, 0);
  assertEquals(await all(store, "sess-1"), [["a", 1]]);
  assertEquals((await store.list({ owner: null, limit: 9 })).length, 1);

  delete faults.write;
  assertEquals((await increment(store, "sess-1"))?.value, 1);
  assertEquals((await store.create(record("sess-2", forEver))).id, "sess-2");
});

test("FileStore: a torn line that cannot be cut off is left to the next process", async ({ path }) => {
  const { store, faults } = await faulty(path);
  faults.write = systemError("ENOSPC");
  faults.truncate = systemError("EIO");
  await refused("full", () => put(store, "sess-1", ["b", 2]));
  Object.assign(faults, { write: undefined, truncate: undefined });
  for (const call of [() => put(store, "sess-1", ["b", 2]), () => store.get("sess-1")]) {
    assertStringIncludes(await refused("unavailable", call), "Input/output error");
  }
  await store.close();
  const { warnings, warn } = gather();
  await using again = await FileStore.open(path, { namespace: "test", warn });
  assertEquals(warnings.length, 1);
  assertEquals(await all(again, "sess-1"), [["a", 1]]);
});

test("FileStore: a failed fsync stops it until it is opened again", async ({ path }) => {
  const { store, faults } = await faulty(path);
  faults.sync = systemError("EIO");
  const first = await Promise.allSettled([
    put(store, "sess-1", ["b", 2]),
    store.transact("sess-1", { durable: false, calls: 1, update: () => ({ value: 1 }) }),
  ]);
  assertEquals(first.map(({ status }) => status), ["rejected", "fulfilled"]);
  delete faults.sync;
  for (const call of [() => put(store, "sess-1", ["c", 3]), () => store.get("sess-1")]) {
    const message = await refused("unavailable", call);
    assert(message.includes("Input/output error") && message.includes(path), message);
  }
  await store.close();
  await using again = await FileStore.open(path, { namespace: "test" });
  await put(again, "sess-1", ["c", 3]);
});

test("FileStore: a write that need not be durable does not wait for an fsync", async ({ path }) => {
  const { store, faults } = await faulty(path);
  faults.sync = new Error("It must not be asked for");
  await store.transact("sess-1", { durable: false, calls: 1, update: () => ({ value: 1 }) });
  assert((await Deno.readTextFile(path)).includes('["use","state-sess-1",1,'));
  delete faults.sync;
  await store.close();
});

// Only Linux has mount namespaces, and some machines forbid them to ordinary users.
const unshare = Deno.build.os === "linux" &&
  new Deno.Command("unshare", { args: ["-rm", "true"], stderr: "null" }).outputSync().success;
const testOnDisk = testsUnless(!unshare && "this machine lets no ordinary user mount");

// Each runs a fixture on a disk of its own.
for (
  const [name, fixture, size] of [
    ["a full disk refuses writes, keeps the rest, and goes on when there is room", "full", "1m"],
    ["names a read-only folder, and goes on with open files", "read_only", "1m"],
    ["a file that is mounted by itself works, and warns once what to do", "mounted", "64m"],
  ]
) {
  testOnDisk(`FileStore: ${name}`, async ({ folder }) => {
    const script = new URL(`../../fixtures/store/${fixture}.ts`, import.meta.url).href;
    const mount = `mount -t tmpfs -o size=${size} none "$0" && exec "$@"`;
    const run = [Deno.execPath(), "run", "-A", "--no-check", script, folder];
    const { success, stderr } = await new Deno.Command("unshare", {
      args: ["-rm", "sh", "-c", mount, folder, ...run],
      stdout: "null",
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  });
}

test("FileStore: a failed fsync leaves no new file", async ({ path }) => {
  const faults: Faults = { sync: systemError("EIO") };
  const wrap = (file: Deno.FsFile) => faultyFile(file, faults);
  const open = () => FileStore.open(path, { namespace: "test", wrap });
  const message = await refused("unavailable", open);
  assert(message.includes(path) && message.includes("Input/output error"), message);
  await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  delete faults.sync;
  await using store = await open();
  await store.create(record("sess-1", forEver));
});

test("FileStore: close() fails with its fsync", async ({ path }) => {
  const { store, faults } = await faulty(path);
  faults.sync = systemError("EIO");
  const message = await refused("unavailable", () => store.close());
  assert(message.includes(path) && message.includes("Input/output error"), message);
  await using again = await FileStore.open(path, { namespace: "test" });
  assertEquals(await all(again, "sess-1"), [["a", 1]]);
});

Deno.test({
  name: "FileStore: its files have a mode for their owner alone",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/a/b/sessions.jsonl`;
    {
      await using store = await FileStore.open(path, { namespace: "test", compactBytes: 1000 });
      await store.create(record("sess-1", forEver));
      for (let i = 0; i < 20; i++) await put(store, "sess-1", ["a", "x".repeat(200)]);
    }
    await Deno.writeTextFile(path, "torn", { append: true });
    const warn = () => {};
    await (await FileStore.open(path, { namespace: "test", warn })).close();
    const kv = `${folder.path}/c/sessions.kv`;
    await using store = await openStore(`kv:${kv}`, { namespace: "test" });
    await store.create(record("sess-1"));
    const modes = new Map<string, number>();
    for (const name of ["a", "a/b", "c"]) {
      modes.set(name, (await Deno.stat(`${folder.path}/${name}`)).mode! & 0o777);
      for await (const { name: file, isFile } of Deno.readDir(`${folder.path}/${name}`)) {
        if (!isFile) continue;
        modes.set(file, (await Deno.stat(`${folder.path}/${name}/${file}`)).mode! & 0o777);
      }
    }
    assertEquals(modes.size >= 7, true, `${[...modes.keys()]}`);
    for (const [name, mode] of modes) {
      assertEquals(mode.toString(8), name.includes(".") ? "600" : "700", name);
    }
  },
});

Deno.test("FileStore: a path that the system refuses is an error that says why", async () => {
  await using folder = await tempFolder();
  await Deno.writeTextFile(`${folder.path}/file`, "");
  await Deno.mkdir(`${folder.path}/folder`);
  await Deno.symlink("/dev/null", `${folder.path}/device`);
  for (const name of ["file/sessions.jsonl", "folder", "device"]) {
    const path = `${folder.path}/${name}`;
    const open = () => FileStore.open(path, { namespace: "test" });
    assertStringIncludes(await refused("unavailable", open), folder.path);
  }
});
