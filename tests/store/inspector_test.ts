import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { FileStore, openInspector, openStore, StoreError } from "../../store/mod.ts";
import { put, record, refused, renew, tempFolder } from "../support/store/stores.ts";

const namespace = "test";
const NOW = 1_800_000_000_000;
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
const quiet = { namespace, now: () => NOW, warn: () => {} };

/** What is in a folder: the bytes of each file by its name. */
function contents(folder: string): Record<string, string> {
  const files = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  return Object.fromEntries(
    files.map((name) => [name, Deno.readFileSync(`${folder}/${name}`).toHex()]),
  );
}

async function fill(url: string) {
  await using store = await openStore(url, quiet);
  await store.create(record("sess-1", { owner: "alice" }));
  await store.create(record("sess-2"));
  await put(store, "sess-1", ["key", "value"]);
}

for (const scheme of ["file", "sqlite", "kv"]) {
  Deno.test(`openInspector(): changes no byte of a ${scheme} store that nobody uses`, async () => {
    await using folder = await tempFolder();
    const url = `${scheme}:${folder.path}/store`;
    await fill(url);
    const before = contents(folder.path);
    // All that is there is past its retention.
    for (const now of [NOW, NOW + YEAR_MS]) {
      await using inspector = await openInspector(url, { now: () => now });
      const live = now === NOW ? 2 : 0;
      assertEquals(await inspector.servers().then((servers) => servers.length), live / 2);
      assertEquals((await inspector.owners({ namespace, limit: 9 })).length, live);
      assertEquals((await inspector.sessions({ namespace, limit: 9 })).length, live);
      const state = await inspector.entries({ namespace, stateId: "state-sess-1", limit: 9 });
      assertEquals(state, live ? [["key", "value"]] : undefined);
    }
    assertEquals(contents(folder.path), before);
  });

  Deno.test(`openInspector(): refuses a ${scheme} store that is not there, and makes none`, async () => {
    await using folder = await tempFolder();
    const message = await refused(
      "unavailable",
      () => openInspector(`${scheme}:${folder.path}/none/store`),
    );
    assertMatch(message, /^There is no .* at .*none\/store: check the path$/);
    assertEquals(contents(folder.path), {});
  });
}

Deno.test("openInspector(): refuses a store in memory, and what is no URL of a store", async () => {
  await assertRejects(() => openInspector("memory:"), TypeError, "only its own process");
  await assertRejects(() => openInspector("sessions.jsonl"), TypeError, "has no scheme");
  await assertRejects(() => openInspector("file:x", { timeoutMs: -1 }), RangeError);
});

Deno.test("openInspector(): refuses files of other programs, and leaves them as they are", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/other`;
  await Deno.writeTextFile(path, "Dear diary\n".repeat(1000));
  const before = contents(folder.path);
  await refused("corrupt", () => openInspector(`file:${path}`));
  await refused("corrupt", () => openInspector(`sqlite:${path}`));
  await assertRejects(() => openInspector(`kv:${path}`), StoreError);
  assertEquals(contents(folder.path), before);
  await Deno.writeTextFile(path, "");
  await refused("unavailable", () => openInspector(`sqlite:${path}`));
  await refused("unavailable", () => openInspector(`kv:${path}`));
  assertEquals(contents(folder.path), { other: "" });
});

Deno.test("openInspector(): reads a file with an unfinished line, which it leaves there", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/store`;
  await fill(`file:${path}`);
  await Deno.writeTextFile(path, '{"n":99,"o":["te', { append: true });
  const before = contents(folder.path);
  await using inspector = await openInspector(`file:${path}`, { now: () => NOW });
  assertEquals((await inspector.sessions({ namespace, limit: 9 })).length, 2);
  assertEquals(contents(folder.path), before);
});

Deno.test("openInspector(): refuses a damaged file, and says what shows the damage", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/store`;
  await fill(`file:${path}`);
  const bytes = await Deno.readFile(path);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  await Deno.writeFile(path, bytes);
  const message = await refused("corrupt", () => openInspector(`file:${path}`));
  assertMatch(message, /deno task store verify/);
});

Deno.test("openInspector(): goes on in a file that a server has compacted", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/store`;
  await using store = await FileStore.open(path, { ...quiet, compactBytes: 2000 });
  await store.create(record("sess-1"));
  await using inspector = await openInspector(`file:${path}`, { now: () => NOW });
  assertEquals((await inspector.sessions({ namespace, limit: 9 })).length, 1);
  const { ino } = await Deno.stat(path);
  for (let i = 0; (await Deno.stat(path)).ino === ino; i++) {
    await put(store, "sess-1", ["n", i]);
    await renew(store, "sess-1", NOW + 60_000 + i);
  }
  await store.create(record("sess-2"));
  assertEquals((await inspector.sessions({ namespace, limit: 9 })).length, 2);
});

Deno.test("openInspector(): goes on in an SQLite database that took the place of another", async () => {
  await using folder = await tempFolder();
  const [url, other] = ["store", "other"].map((name) => `sqlite:${folder.path}/${name}`);
  await fill(url!);
  {
    await using store = await openStore(other!, quiet);
    await store.create(record("sess-3"));
  }
  await using inspector = await openInspector(url!, { now: () => NOW });
  assertEquals((await inspector.sessions({ namespace, limit: 9 })).length, 2);
  await Deno.rename(`${folder.path}/other`, `${folder.path}/store`);
  assertEquals((await inspector.sessions({ namespace, limit: 9 })).length, 1);
});

/** Runs a program that counts the sessions in stores, after these words of a command line. */
async function countElsewhere(before: readonly string[], folder: string, urls: readonly string[]) {
  const script = `
    import { openInspector } from ${JSON.stringify(import.meta.resolve("../../store/mod.ts"))};
    for (const url of Deno.args) {
      const inspector = await openInspector(url, { now: () => ${NOW} })
        .catch((error) => console.log(error.code, error.message));
      if (inspector === undefined) continue;
      console.log((await inspector.servers())[0].sessions);
      await inspector.close();
    }`;
  const place = `${folder}/script.ts`;
  await Deno.writeTextFile(place, script);
  const config = `--config=${fileURLToPath(import.meta.resolve("../../deno.json"))}`;
  const [program = "", ...args] = [...before, "--no-prompt", "--no-check", config, place, ...urls];
  const { stdout, stderr } = await new Deno.Command(program, { args }).output();
  await Deno.remove(place);
  return { said: new TextDecoder().decode(stdout), wrong: new TextDecoder().decode(stderr) };
}

Deno.test("openInspector(): needs no permission to write, for SQLite only while it is in use", async () => {
  await using folder = await tempFolder();
  const urls = ["file", "sqlite"].map((scheme) => `${scheme}:${folder.path}/${scheme}`);
  for (const url of urls) await fill(url);
  const count = () => countElsewhere([Deno.execPath(), "run", "--allow-read"], folder.path, urls);
  const before = contents(folder.path);
  assertMatch((await count()).said, /^2\nunavailable Cannot read .*: no server uses it/);
  assertEquals(contents(folder.path), before);
  await using _ = await openStore(urls[1]!, quiet);
  const { said, wrong } = await count();
  assertEquals(said, "2\n2\n", wrong);
});

// Root may write everything, except in a user namespace of its own.
const asUser = Deno.uid() === 0 ? ["unshare", "-U"] : ["env"];
const canTry = Deno.build.os === "linux" &&
  new Deno.Command(asUser[0]!, { args: [...asUser.slice(1), "true"], stderr: "null" })
    .outputSync().success;

for (const scheme of ["sqlite", "kv"]) {
  Deno.test({
    name:
      `openInspector(): leaves no log in the way of servers of a ${scheme} store that its user may not write`,
    ignore: !canTry,
    async fn() {
      await using folder = await tempFolder();
      const url = `${scheme}:${folder.path}/store`;
      await fill(url);
      const deno = [...asUser, Deno.execPath(), "run", "-A"];
      const staysAsItIs = async (folder: string) => {
        await Deno.chmod(`${folder}/store`, 0o400);
        const before = contents(folder);
        const { said, wrong } = await countElsewhere(deno, folder, [`${scheme}:${folder}/store`]);
        assertMatch(said, /^unavailable Cannot read .*: no server uses it/, wrong);
        assertEquals(contents(folder), before);
      };
      await staysAsItIs(folder.path);
      await Deno.chmod(`${folder.path}/store`, 0o600);
      await using _ = await openStore(url, quiet);
      await Deno.chmod(`${folder.path}/store`, 0o400);
      assertEquals(await countElsewhere(deno, folder.path, [url]), { said: "2\n", wrong: "" });
      // As a backup has it: with its log, and without the index of that.
      const backup = `${folder.path}/backup`;
      await Deno.mkdir(backup);
      for (const end of ["", "-wal"]) {
        await Deno.copyFile(`${folder.path}/store${end}`, `${backup}/store${end}`);
      }
      await staysAsItIs(backup);
    },
  });
}

Deno.test("openInspector(): reads an SQLite database beside a store that writes", async () => {
  await using folder = await tempFolder();
  const url = `sqlite:${folder.path}/store`;
  await using store = await openStore(url, quiet);
  await using inspector = await openInspector(url, { now: () => NOW });
  for (let i = 0; i < 20; i++) {
    const [created, sessions] = await Promise.all([
      store.create(record(`sess-${i}`)),
      inspector.sessions({ namespace, limit: 99 }),
    ]);
    assert(sessions.length === i || sessions.length === i + 1);
    assertEquals((await store.get(created.id))?.id, created.id);
  }
});

for (const scheme of ["file", "sqlite", "kv"]) {
  Deno.test({
    name:
      `openInspector(): refuses a pipe in the place of a ${scheme} store, and does not wait for it`,
    ignore: Deno.build.os === "windows",
    async fn() {
      await using folder = await tempFolder();
      const path = `${folder.path}/store`;
      const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
      assertEquals(success, true);
      await refused("unavailable", () => openInspector(`${scheme}:${path}`));
    },
  });
}
