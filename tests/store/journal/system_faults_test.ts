/** Stores and jars when one system call fails. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { FileJar } from "../../../client/jar/file_jar.ts";
import { FileStore, StoreError } from "../../../store/mod.ts";
import {
  type Errno,
  failFiles,
  failPaths,
  type FileMethod,
  systemError,
} from "../../support/system_faults.ts";
import { generation } from "../../support/store/samples.ts";
import {
  all,
  forEver,
  gather,
  increment,
  namesIn,
  put,
  record,
  refused,
  tempFolder,
  testsUnless,
  wrapped,
} from "../../support/store/stores.ts";

const testUnix = testsUnless(Deno.build.os === "windows" && "Windows syncs no folder");

interface Opened extends AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  readonly warnings: string[];
  open(compactBytes?: number): Promise<FileStore>;
}

/** A store with one session, in its own folder. */
async function newStore(): Promise<Opened> {
  const folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  const { warnings, warn } = gather();
  const open = (compactBytes = Infinity) =>
    FileStore.open(path, { namespace: "test", compactBytes, warn, lockTimeoutMs: 1000 });
  {
    await using store = await open();
    await store.create(record("sess-1", forEver));
    await put(store, "sess-1", ["a", 1]);
  }
  return {
    folder: folder.path,
    path,
    warnings,
    open,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Finds an open file by its inode, as it has no path. */
function isFileAt(path: string): (file: Deno.FsFile) => boolean {
  const { statSync } = Deno.FsFile.prototype;
  return (file) => {
    const { ino } = statSync.call(file);
    return ino !== null && Deno.lstatSync(path).ino === ino;
  };
}

function isFolder(file: Deno.FsFile): boolean {
  return file.statSync().isDirectory;
}

for (const which of ["file", "folder"] as const) {
  testUnix(
    `FileStore: a compaction whose ${which} cannot be opened stops nothing, and is tried again`,
    async () => {
      for (const errno of ["EMFILE", "ENFILE", "ENOMEM", "EIO"] as const) {
        await using opened = await newStore();
        const { path, folder, warnings } = opened;
        await using store = await opened.open(3000);
        let begun = false;
        let refused = 0;
        {
          // The first open of the compacted file succeeds.
          using _ = failPaths("openSync", (of) => {
            const isBegin = of === `${path}.new` && !begun;
            begun ||= isBegin;
            if (isBegin || of !== (which === "file" ? `${path}.new` : folder)) return undefined;
            refused++;
            return systemError(errno);
          });
          for (let i = 0; refused === 0 && i < 5000; i++) await increment(store, "sess-1");
        }
        assertEquals(refused, 1);
        const value = (await increment(store, "sess-1"))?.value ?? 0;
        for (let i = 0; await generation(path) === 1; i++) {
          await put(store, "sess-1", ["b", `${i} ${"x".repeat(5000)}`]);
          assert(i < 5000, "it is compacted once all can be opened");
        }
        assertEquals((await increment(store, "sess-1"))?.value, value + 1);
        assertEquals(warnings.length, 1, warnings.join("\n"));
        await store.close();
        await using again = await opened.open();
        assertEquals((await all(again, "sess-1"))?.length, 3);
      }
    },
  );
}

Deno.test("FileStore: after the rename of a compaction, only a failed fsync stops it", async () => {
  for (const method of ["statSync", "truncateSync", "unlockSync", "seekSync"] as const) {
    await using opened = await newStore();
    const { path } = opened;
    await using store = await opened.open(3000);
    await using other = await opened.open();
    let isFaulty = false;
    using _ = failFiles(method, () => isFaulty ? systemError("EIO") : undefined);
    const { renameSync } = Deno;
    Deno.renameSync = (from, to) => {
      renameSync(from, to);
      isFaulty = true;
      queueMicrotask(() => isFaulty = false);
    };
    try {
      for (let i = 0; await generation(path) === 1; i++) {
        await put(store, "sess-1", ["b", `${i} ${"x".repeat(100)}`]);
        assert(i < 5000);
      }
      const value = (await increment(store, "sess-1"))?.value;
      assertEquals((await increment(other, "sess-1"))?.value, (value ?? 0) + 1, method);
    } finally {
      Deno.renameSync = renameSync;
    }
  }
});

testUnix("FileStore: a failed fsync of the folder leaves no new file", async ({ path }) => {
  for (const errno of ["EIO", "ENOSPC", "EDQUOT"] as const) {
    using _ = failFiles("syncSync", () => systemError(errno), isFolder);
    const open = () => FileStore.open(path, { namespace: "test" });
    assertStringIncludes(await refused(errno === "EIO" ? "unavailable" : "full", open), path);
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  }
  await (await FileStore.open(path, { namespace: "test" })).close();
});

testUnix("FileStore: a failed fsync of the folder after a compaction stops it", async () => {
  await using opened = await newStore();
  await using store = await opened.open(3000);
  {
    using _ = failFiles("syncSync", () => systemError("EIO"), isFolder);
    while (await generation(opened.path) === 1) await increment(store, "sess-1").catch(() => {});
    const message = await refused("unavailable", () => increment(store, "sess-1"));
    assertStringIncludes(message, "fsync of the compacted");
  }
  await refused("unavailable", () => store.get("sess-1"));
  await store.close();
  await using again = await opened.open();
  await increment(again, "sess-1");
});

/** The errors of file systems without fsync of folders, and the steps that give them. */
const notOffered: readonly ["open" | "sync", Errno][] = [
  ["sync", "EINVAL"],
  ["sync", "ENOTSUP"],
  ["sync", "ENOSYS"],
  ["open", "EACCES"],
  ["open", "EINVAL"],
];

for (const [step, errno] of notOffered) {
  testUnix(
    `FileStore and FileJar: go on with one warning where a folder's ${step} gives ${errno}`,
    async (file) => {
      const { path, folder } = file;
      using _ = step === "sync"
        ? failFiles("syncSync", () => systemError(errno), isFolder)
        : failPaths("openSync", (path) => path === folder ? systemError(errno) : undefined);
      const { warnings, warn } = gather();
      {
        const options = { namespace: "test", compactBytes: 3000, warn };
        await using store = await FileStore.open(path, options);
        await store.create(record("sess-1", forEver));
        while (await generation(path) < 3) await increment(store, "sess-1");
      }
      assertEquals(warnings.length, 1, warnings.join("\n"));
      assertMatch(warnings[0]!, /cannot be synced \(.*os error \d+.*\): a power cut may/);
      await using jar = await FileJar.open(`${folder}/cookies.jsonl`, { warn });
      await jar.set({ server: "https://example.com/mcp", profile: "default" }, { id: "sess-1" });
      assertEquals(warnings.length, 2);
    },
  );
}

/** Calls during the fault, and after it. */
async function refusedOnce(opened: Opened, method: FileMethod, errno: Errno) {
  const { path } = opened;
  await using store = await opened.open();
  let failures = 0;
  {
    using _ = failFiles(method, () => systemError(errno));
    const calls = [
      () => put(store, "sess-1", ["b", 2]),
      () => store.get("sess-1"),
      () => store.create(record("sess-2", forEver)),
    ];
    for (const call of calls) {
      const result = await call().then(() => undefined, (error: unknown) => error);
      if (result === undefined) continue;
      failures++;
      assert(result instanceof StoreError, `${method} ${errno}: ${result}`);
      assertEquals(result.code, "unavailable");
      assert(result.message.includes(path), result.message);
    }
  }
  // An open store needs no stat of its file.
  assertEquals(failures > 0, method !== "statSync", `${method} ${errno}`);
  assertEquals((await increment(store, "sess-1"))?.value, 1, `${method} ${errno}`);
  assertEquals((await store.get("sess-1"))?.id, "sess-1");
}

Deno.test("FileStore: is unavailable for as long as the system refuses its lock or file", async () => {
  for (const method of ["tryLockSync", "seekSync", "statSync"] as const) {
    for (const errno of ["ENOLCK", "EIO", "ESTALE", "EINVAL", "ENOMEM"] as const) {
      await using opened = await newStore();
      await refusedOnce(opened, method, errno);
    }
  }
});

Deno.test("FileStore: open() is unavailable without a lock, and says what to do", async () => {
  await using opened = await newStore();
  using _ = failFiles("tryLockSync", () => systemError("ENOLCK"));
  assertEquals(
    await refused("unavailable", () => opened.open()),
    `Cannot lock ${opened.path}.lock: its file system has no locks to give; use a place on a local disk`,
  );
});

Deno.test("FileStore: an interrupted wait for the lock goes on", async () => {
  await using opened = await newStore();
  await using store = await opened.open();
  let left = 3;
  const interrupted = () => left-- > 0 ? systemError("EINTR") : undefined;
  using _try = failFiles("tryLockSync", interrupted);
  using _lock = failFiles("lock", interrupted);
  assertEquals((await increment(store, "sess-1"))?.value, 1);
  assert(left < 0);
});

Deno.test("FileStore: a lock that cannot be released fails no call, warns once, and blocks no process", async () => {
  for (const errno of ["ENOLCK", "EIO", "EINTR"] as const) {
    await using opened = await newStore();
    await using store = await opened.open();
    await using other = await opened.open();
    const isLock = isFileAt(`${opened.path}.lock`);
    {
      using _ = failFiles("unlockSync", () => systemError(errno), isLock);
      for (let i = 1; i <= 6; i += 2) {
        assertEquals((await increment(store, "sess-1"))?.value, i);
        assertEquals((await increment(other, "sess-1"))?.value, i + 1);
      }
      assertEquals((await store.get("sess-1"))?.id, "sess-1");
    }
    assertEquals((await increment(store, "sess-1"))?.value, 7);
    // One warning of each store.
    assertEquals(opened.warnings.length, 2, opened.warnings.join("\n"));
    assertMatch(
      opened.warnings[0]!,
      /^Cannot unlock .*\.lock: .* \(its file was closed instead\)$/,
    );
  }
});

Deno.test("FileStore: is unavailable until a lock file that was closed to release it can be opened", async () => {
  await using opened = await newStore();
  await using store = await opened.open();
  const isLock = isFileAt(`${opened.path}.lock`);
  {
    using _unlock = failFiles("unlockSync", () => systemError("ENOLCK"), isLock);
    await increment(store, "sess-1");
  }
  {
    using _open = failPaths(
      "openSync",
      (path) => path === `${opened.path}.lock` ? systemError("EMFILE") : undefined,
    );
    for (const call of [() => increment(store, "sess-1"), () => store.get("sess-1")]) {
      assertMatch(await refused("unavailable", call), /too many files are open/);
    }
  }
  assertEquals((await increment(store, "sess-1"))?.value, 2);
});

Deno.test("FileStore: can be read while it waits for a lock whose file is busy", async () => {
  await using opened = await newStore();
  await using store = await opened.open();
  using held = Deno.openSync(`${opened.path}.lock`, { read: true, write: true });
  assert(held.tryLockSync(true));
  const waiting = increment(store, "sess-1");
  {
    // Deno's error when no more files can be opened.
    using _ = failFiles(
      "seekSync",
      () => new Deno.errors.Busy("in use by a promise"),
      isFileAt(`${opened.path}.lock`),
    );
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals((await store.get("sess-1"))?.id, "sess-1");
  }
  held.unlockSync();
  assertEquals((await waiting)?.value, 1);
});

Deno.test("FileStore: is full over a disk quota, or past the limit on a file's size", async () => {
  for (const errno of ["EDQUOT", "EFBIG", "ENOSPC"] as const) {
    await using folder = await tempFolder();
    const path = `${folder.path}/sessions.jsonl`;
    let fault: Error | undefined;
    const wrap = (file: Deno.FsFile) =>
      wrapped(file, {
        writeSync: (bytes) => {
          if (fault !== undefined) throw fault;
          return file.writeSync(bytes);
        },
      });
    await using store = await FileStore.open(path, { namespace: "test", wrap });
    await store.create(record("sess-1", forEver));
    fault = systemError(errno);
    await refused("full", () => put(store, "sess-1", ["a", 1]));
    fault = undefined;
    await put(store, "sess-1", ["a", 1]);
  }
});

Deno.test("FileStore: a compaction whose rename is refused for good is tried and warned of once", async () => {
  await using opened = await newStore();
  const { path, warnings } = opened;
  await using store = await opened.open(3000);
  let renames = 0;
  using _ = failPaths("renameSync", (from) => {
    if (from !== `${path}.new`) return undefined;
    renames++;
    return systemError("EBUSY");
  });
  const value = "x".repeat(50_000);
  const write = (i: number) => put(store, "sess-1", ["a", `${i} ${value}`]);
  for (let i = 0; renames === 0; i++) await write(i);
  for (let i = 0; i < 30; i++) await write(i);
  assertEquals(renames, 1);
  assertEquals(warnings.length, 1, warnings.join("\n"));
  assertMatch(warnings[0]!, /Cannot compact .*mount the folder that it is in instead/);
  assertEquals(
    namesIn(opened.folder),
    ["sessions.jsonl", "sessions.jsonl.lock"],
    "the compacted file is gone",
  );
});
