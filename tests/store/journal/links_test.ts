/** Files with more than one name, and links to missing files. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { FileJar } from "../../../client/jar/file_jar.ts";
import { run } from "../../support/store/admin/admin_runs.ts";
import { JournalError } from "../../../store/journal/journal_error.ts";
import { FileStore, openStore, StoreError } from "../../../store/mod.ts";
import { replaceMethod } from "../../support/system_faults.ts";
import { generation } from "../../support/store/samples.ts";
import {
  forEver,
  gather,
  increment,
  namesIn,
  record,
  refused,
  tempFolder,
  testsUnless,
} from "../../support/store/stores.ts";

const isWindows = Deno.build.os === "windows";
const options = { namespace: "test", warn: () => {} };

const test = testsUnless(isWindows && "Windows makes links for administrators alone");

/** Links to a missing file, and the path of that file. */
const links: readonly [kind: string, (folder: string) => Promise<string>][] = [
  ["an absolute link", async (folder) => {
    await Deno.mkdir(`${folder}/real`);
    await Deno.symlink(`${folder}/real/x`, `${folder}/link`);
    return `${folder}/real/x`;
  }],
  ["a relative link", async (folder) => {
    await Deno.mkdir(`${folder}/real`);
    await Deno.symlink("real/x", `${folder}/link`);
    return `${folder}/real/x`;
  }],
  ["a link to a missing folder", async (folder) => {
    await Deno.symlink("real/deep/x", `${folder}/link`);
    return `${folder}/real/deep/x`;
  }],
  ["a link to a link", async (folder) => {
    await Deno.mkdir(`${folder}/a`);
    await Deno.symlink("a/second", `${folder}/link`);
    await Deno.symlink("../real/x", `${folder}/a/second`);
    return `${folder}/real/x`;
  }],
  ["a link within a folder that is a link", async (folder) => {
    await Deno.mkdir(`${folder}/a/b`, { recursive: true });
    await Deno.symlink("a/b", `${folder}/short`);
    await Deno.symlink("../x", `${folder}/a/b/second`);
    await Deno.symlink("short/second", `${folder}/link`);
    return `${folder}/a/x`;
  }],
  ["a link by way of a folder that is a link", async (folder) => {
    await Deno.mkdir(`${folder}/a/b`, { recursive: true });
    await Deno.symlink("a/b", `${folder}/short`);
    await Deno.symlink("short/../x", `${folder}/link`);
    return `${folder}/a/x`;
  }],
];

for (const [kind, make] of links) {
  test(`FileStore, KV and jar: ${kind} to a missing file has the file made at its target`, async () => {
    await using folder = await tempFolder();
    for (const [scheme, beside] of [["file", ".lock"], ["kv", ""], ["jar", ".lock"]] as const) {
      await Deno.mkdir(`${folder.path}/${scheme}`);
      const real = await make(`${folder.path}/${scheme}`);
      const link = `${folder.path}/${scheme}/link`;
      if (scheme === "jar") await (await FileJar.open(link, options)).close();
      else await (await openStore(`${scheme}:${link}`, options)).close();
      assert((await Deno.lstat(link)).isSymlink, "the link stays one");
      for (const name of [real, `${real}${beside}`]) assert((await Deno.lstat(name)).isFile, name);
      if (scheme !== "file") continue;
      await using store = await FileStore.open(link, { ...options, compactBytes: 3000 });
      await store.create(record("sess-1", forEver));
      while (await generation(real) === 1) await increment(store, "sess-1");
      assert((await Deno.lstat(link)).isSymlink);
      await using other = await FileStore.open(real, options);
      assertEquals(await other.get("sess-1"), await store.get("sess-1"));
    }
  });
}

test("FileStore: refuses links that lead to each other", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/x`;
  await Deno.symlink("y", path);
  await Deno.symlink("x", `${folder.path}/y`);
  assertStringIncludes(
    await refused("unavailable", () => FileStore.open(path, options)),
    folder.path,
  );
});

test("FileStore, KV and jar: refuse a file with a second name, and say what to do", async () => {
  await using folder = await tempFolder();
  for (const kind of ["file", "kv", "jar"] as const) {
    const path = `${folder.path}/${kind}`;
    const open = async (at: string) => {
      if (kind === "jar") await (await FileJar.open(at, options)).close();
      else await (await openStore(`${kind}:${at}`, options)).close();
    };
    await open(path);
    const before = await Deno.readFile(path);
    await Deno.link(path, `${path}-2`);
    for (const name of [path, `${path}-2`]) {
      const kindOfError = kind === "jar" ? JournalError : StoreError;
      const { code, message } = await assertRejects(() => open(name), kindOfError);
      assertEquals(code, "unavailable");
      assertMatch(
        message,
        /2 names \(hard links\).*copy it to a new file, and give that this name/,
      );
    }
    assertEquals(await Deno.readFile(path), before);
    await Deno.copyFile(path, `${path}-3`);
    await Deno.rename(`${path}-3`, path);
    await open(path);
  }
});

/** Things in place of a side file, which must not be used. */
const traps: readonly [what: RegExp, (path: string, victim: string) => Promise<void>][] = [
  [/symbolic link/, (path, victim) => Deno.symlink(victim, path)],
  [/symbolic link/, (path) => Deno.symlink(`${path}-nowhere`, path)],
  [/hard link/, (path, victim) => Deno.link(victim, path)],
  [/not a regular file/, (path) => Deno.mkdir(path)],
  [/not a regular file/, async (path) => {
    const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
    assert(success);
  }],
];

for (const suffix of ["lock", "first", "torn", "new"]) {
  test(`FileStore: refuses a .${suffix} that is a link or no file`, async () => {
    for (const [what, set] of traps) {
      await using folder = await tempFolder();
      const victim = `${folder.path}/victim`;
      await Deno.writeTextFile(victim, "precious", { mode: 0o644 });
      const mode = (await Deno.stat(victim)).mode;
      const path = `${folder.path}/sessions.jsonl`;
      if (suffix !== "first") {
        await using store = await FileStore.open(path, options);
        await store.create(record("sess-1", forEver));
      }
      if (suffix === "torn") await Deno.writeTextFile(path, "unfinished", { append: true });
      if (suffix === "lock") await Deno.remove(`${path}.lock`);
      await set(`${path}.${suffix}`, victim);
      const { warnings, warn } = gather();
      const use = async () => {
        await using store = await FileStore.open(path, { ...options, compactBytes: 3000, warn });
        for (let i = 0; i < 100; i++) await increment(store, "sess-1");
      };
      if (suffix === "new") {
        await use();
        assertEquals(warnings.length, 1, warnings.join("\n"));
      } else {
        const message = await refused("unavailable", use);
        warnings.push(message);
      }
      assertMatch(warnings[0]!, what);
      assertMatch(warnings[0]!, /; remove it and try again/);
      assertEquals(await Deno.readTextFile(victim), "precious");
      assertEquals((await Deno.stat(victim)).mode, mode);
      await assertRejects(() => Deno.lstat(`${path}.${suffix}-nowhere`), Deno.errors.NotFound);
      await Deno.remove(`${path}.${suffix}`);
      await (await FileStore.open(path, options)).close();
    }
  });
}

test("store repair: refuses a link in place of its draft or its new file", async ({ path, folder }) => {
  const to = `${folder}/new.jsonl`;
  await (await FileStore.open(path, options)).close();
  await Deno.writeTextFile(`${folder}/victim`, "precious");
  for (const [link, what] of [[`${to}.part`, /symbolic link/], [to, /is there already/]] as const) {
    for (const target of ["victim", "nowhere"]) {
      await Deno.symlink(target, link);
      const { status, wrong } = await run("repair", path, "--to", to);
      assertEquals(status, 2);
      assertMatch(wrong, what);
      assert((await Deno.lstat(link)).isSymlink);
      await Deno.remove(link);
    }
  }
  assertEquals(await Deno.readTextFile(`${folder}/victim`), "precious");
  assertEquals(namesIn(folder), [
    "sessions.jsonl",
    "sessions.jsonl.lock",
    "victim",
  ]);
});

test("FileStore, KV and jar: each folder with a new entry is fsynced before anything is acknowledged", async () => {
  const opens = [
    (path: string) => FileStore.open(path, options),
    (path: string) => openStore(`kv:${path}`, options),
    (path: string) => FileJar.open(path, options),
  ];
  for (const open of opens) {
    await using folder = await tempFolder();
    const synced: (number | null)[] = [];
    using _ = replaceMethod(
      Deno.FsFile.prototype,
      "syncSync",
      (real) =>
        function (this: Deno.FsFile) {
          synced.push(this.statSync().ino);
          real.call(this);
        },
    );
    await (await open(`${folder.path}/a/b/c/x`)).close();
    for (const parent of ["", "/a", "/a/b"]) {
      assert(synced.includes((await Deno.stat(folder.path + parent)).ino), `${parent} is synced`);
    }
  }
});
