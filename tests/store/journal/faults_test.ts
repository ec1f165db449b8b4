import { assert, assertEquals, assertRejects } from "@std/assert";
import { FileStore, type JournalFile, openStore, StoreError } from "../../../store/mod.ts";
import { all, forEver, increment, put, record, tempFolder } from "../../support/store/stores.ts";

/** A file with faults that a test can set. */
class FaultyFile implements JournalFile {
  readonly #file: Deno.FsFile;
  readonly #faults: { write?: Error; truncate?: Error; sync?: Error };

  constructor(file: Deno.FsFile, faults: FaultyFile["faults"]) {
    this.#file = file;
    this.#faults = faults;
  }
  get faults() {
    return this.#faults;
  }
  writeSync(bytes: Uint8Array): number {
    if (this.#faults.write === undefined) return this.#file.writeSync(bytes);
    // A full disk takes a part, and gives its error only for the rest.
    if (bytes.length > 20) return this.#file.writeSync(bytes.subarray(0, bytes.length - 20));
    throw this.#faults.write;
  }
  truncateSync(length: number) {
    if (this.#faults.truncate !== undefined) throw this.#faults.truncate;
    this.#file.truncateSync(length);
  }
  async syncData() {
    if (this.#faults.sync !== undefined) throw this.#faults.sync;
    await this.#file.syncData();
  }
}

async function faulty(path: string) {
  const faults: FaultyFile["faults"] = {};
  const store = await FileStore.open(path, {
    namespace: "test",
    wrap: (file) => new FaultyFile(file, faults),
  });
  await store.create(record("sess-1", forEver));
  await put(store, "sess-1", ["a", 1]);
  return { store, faults };
}

const noRoom = () => Object.assign(new Error("No space left on device"), { code: "ENOSPC" });

Deno.test("FileStore: a write that fails half way is undone in the file and in memory", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { store, faults } = await faulty(path);
  await using _ = store;
  const before = await Deno.readFile(path);
  faults.write = noRoom();
  const refused = await Promise.allSettled([
    increment(store, "sess-1"),
    increment(store, "sess-1"),
    put(store, "sess-1", ["a", undefined], ["b", 2]),
    store.create(record("sess-2", { ...forEver, alias: "work" })),
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

Deno.test("FileStore: a torn line that cannot be cut off is left to the next process", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { store, faults } = await faulty(path);
  faults.write = noRoom();
  faults.truncate = new Error("Input/output error");
  await assertRejects(() => put(store, "sess-1", ["b", 2]), StoreError);
  Object.assign(faults, { write: undefined, truncate: undefined });
  for (const call of [() => put(store, "sess-1", ["b", 2]), () => store.get("sess-1")]) {
    const error = await assertRejects(call, StoreError);
    assertEquals(error.code, "unavailable");
    assert(error.message.includes("Input/output error"));
  }
  await store.close();
  const warnings: string[] = [];
  const warn = (text: string) => warnings.push(text);
  await using again = await FileStore.open(path, { namespace: "test", warn });
  assertEquals(warnings.length, 1);
  assertEquals(await all(again, "sess-1"), [["a", 1]]);
});

Deno.test("FileStore: a failed fsync stops it until it is opened again", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { store, faults } = await faulty(path);
  faults.sync = new Error("Input/output error");
  const first = await Promise.allSettled([
    put(store, "sess-1", ["b", 2]),
    store.transact("sess-1", { durable: false, calls: 1, update: () => ({ value: 1 }) }),
  ]);
  assertEquals(first.map(({ status }) => status), ["rejected", "fulfilled"]);
  delete faults.sync;
  for (const call of [() => put(store, "sess-1", ["c", 3]), () => store.get("sess-1")]) {
    const error = await assertRejects(call, StoreError);
    assertEquals(error.code, "unavailable");
    assert(error.message.includes("Input/output error") && error.message.includes(path));
  }
  await store.close();
  await using again = await FileStore.open(path, { namespace: "test" });
  await put(again, "sess-1", ["c", 3]);
});

Deno.test("FileStore: a write that need not be durable does not wait for an fsync", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
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

/** Runs a fixture on a small disk of its own. */
async function runOnDisk(name: string) {
  await using folder = await tempFolder();
  const script = new URL(`../../fixtures/store/${name}.ts`, import.meta.url).href;
  const { success, stderr } = await new Deno.Command("unshare", {
    args: [
      "-rm",
      "sh",
      "-c",
      'mount -t tmpfs -o size=1m none "$0" && exec "$@"',
      folder.path,
      Deno.execPath(),
      ...["run", "-A", "--no-check", script, folder.path],
    ],
    stdout: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

Deno.test({
  name: "FileStore: a full disk refuses writes, keeps the rest, and goes on when there is room",
  ignore: !unshare,
  fn: () => runOnDisk("full"),
});

Deno.test({
  name: "FileStore: names a read-only folder, and goes on with open files",
  ignore: !unshare,
  fn: () => runOnDisk("read_only"),
});

Deno.test("FileStore: a failed fsync leaves no new file", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const faults: FaultyFile["faults"] = { sync: new Error("Input/output error") };
  const wrap = (file: Deno.FsFile) => new FaultyFile(file, faults);
  const open = () => FileStore.open(path, { namespace: "test", wrap });
  const { code, message } = await assertRejects(open, StoreError);
  assertEquals(code, "unavailable");
  assert(message.includes(path) && message.includes("Input/output error"), message);
  await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  delete faults.sync;
  await using store = await open();
  await store.create(record("sess-1", forEver));
});

Deno.test("FileStore: a compacted file whose fsync failed does not replace the old one", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await (await FileStore.open(path, { namespace: "test" })).close();
  const warnings: string[] = [];
  const warn = (text: string) => warnings.push(text);
  const faults = { sync: new Error("Input/output error") };
  // Only a compacted file is empty when it is opened.
  const wrap = (file: Deno.FsFile) =>
    new FaultyFile(file, file.statSync().size === 0 ? faults : {});
  {
    const options = { namespace: "test", compactBytes: 4000, wrap, warn };
    await using store = await FileStore.open(path, options);
    await store.create(record("sess-1", forEver));
    for (let i = 0; i < 200; i++) await increment(store, "sess-1");
  }
  assertEquals(warnings.length, 1);
  assert(/Cannot compact .*Input\/output error/.test(warnings[0]!), warnings[0]);
  await using again = await FileStore.open(path, { namespace: "test" });
  assertEquals((await again.get("sess-1"))?.toolCalls, 200);
});

Deno.test("FileStore: close() fails with its fsync", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { store, faults } = await faulty(path);
  faults.sync = new Error("Input/output error");
  const { code, message } = await assertRejects(() => store.close(), StoreError);
  assertEquals(code, "unavailable");
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
    const error = await assertRejects(open, StoreError);
    assertEquals(error.code, "unavailable");
    assert(error.message.includes(folder.path), error.message);
  }
});
