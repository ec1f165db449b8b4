import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  INTERNAL_OWNER,
  openInspector,
  openStore,
  type SessionRecord,
  type StoreInspector,
} from "../../../store/mod.ts";
import { CopyCounts, copyServer } from "../../../store/admin/copy/server_copy.ts";
import { run, runWith } from "../../support/store/admin/admin_runs.ts";
import {
  all,
  fill,
  increment,
  put,
  record,
  renew,
  tempFolder,
} from "../../support/store/stores.ts";
import { allOf, filledRecord, fillStore } from "../../support/store/admin/whole_stores.ts";

const namespace = "one";
const quiet = { namespace, warn: () => {} };
const forAnHour = { expiresAt: Date.now() + 3_600_000 };

/** The URLs of stores of three kinds in a folder. */
function urlsIn(folder: string) {
  const [file, sqlite, kv] = ["file", "sqlite", "kv"].map((scheme) =>
    `${scheme}:${folder}/${scheme}`
  );
  return { file: file!, sqlite: sqlite!, kv: kv! };
}

Deno.test("store copy: what went through stores of every kind is the same, with all servers", async () => {
  await using folder = await tempFolder();
  const { file, sqlite, kv } = urlsIn(folder.path);
  await fillStore(file, 600);
  const back = `file:${folder.path}/back`;
  for (const [from, to] of [[file, sqlite], [sqlite, kv], [kv, back]] as const) {
    const { status, said, wrong } = await run("copy", from, to);
    assertEquals([status, said, wrong], [0, "Copied 600 sessions.", ""]);
    assertEquals(await allOf(to), await allOf(file));
  }
  assertEquals(
    (await run("copy", file, back)).said,
    [
      "Copied 0 sessions.",
      "600 sessions were there already.",
    ].join("\n"),
  );
});

Deno.test("store copy: a state of any size is copied whole", async () => {
  await using folder = await tempFolder();
  const { file, sqlite, kv } = urlsIn(folder.path);
  {
    await using store = await openStore(file, quiet);
    await store.create(record("sess-1", forAnHour));
    await fill(store, "sess-1", 1300);
    for (let i = 0; i < 20; i++) await put(store, "sess-1", [`long ${i}`, "x".repeat(50_000)]);
    await store.create(record("sess-2", forAnHour));
    for (let i = 0; i < 60; i++) await put(store, "sess-2", [`${i} ${"é".repeat(500)}`, i]);
  }
  for (const to of [sqlite, kv]) {
    assertEquals((await run("copy", file, to)).status, 0);
    assertEquals(await allOf(to), await allOf(file));
  }
});

Deno.test("store copy: --server copies the sessions of one server", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  await fillStore(file, 20);
  assertEquals((await run("copy", file, sqlite, "--server", "two")).said, "Copied 10 sessions.");
  assertMatch((await run("servers", sqlite)).said, /^SERVER .*\ntwo +10 .*$/);
  const { status, wrong } = await run("copy", file, sqlite, "--server", "three");
  assertEquals([status, wrong], [1, "store: No sessions of three there"]);
});

Deno.test("store copy: run again, it copies what has changed at the source since", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  await using store = await openStore(file, quiet);
  for (let i = 1; i <= 6; i++) {
    await store.create(record(`sess-${i}`, { ...forAnHour, stateId: `0${i}` }));
    await put(store, `sess-${i}`, ["a", i], ["gone", 1]);
  }
  await run("copy", file, sqlite);
  await increment(store, "sess-1");
  await renew(store, "sess-2", forAnHour.expiresAt + 5);
  await put(store, "sess-3", ["a", 8], ["gone", undefined]);
  await store.regenerate("sess-4", "sess-4-again");
  await store.create(record("sess-7", { ...forAnHour, stateId: "015", owner: "alice" }));
  assertEquals(
    (await run("copy", file, sqlite)).said,
    [
      "Copied 1 session.",
      "4 sessions had changed, and were replaced.",
      "2 sessions were there already.",
    ].join("\n"),
  );
  assertEquals(await allOf(sqlite), await allOf(file));
  await using copied = await openStore(sqlite, quiet);
  assertEquals(await copied.get("sess-4"), undefined);
  await store.delete("sess-5");
  assertMatch((await run("copy", file, sqlite)).said, /^1 session is there alone\.$/m);
  assert(await copied.get("sess-5") !== undefined, "a copy ends no session");
});

Deno.test("store copy: a session that was used at the target since stays as it is there", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  {
    await using store = await openStore(file, quiet);
    await store.create(record("sess-1", forAnHour));
    await put(store, "sess-1", ["n", 5]);
  }
  await run("copy", file, sqlite);
  await using store = await openStore(sqlite, quiet);
  await increment(store, "sess-1");
  assertMatch(
    (await run("copy", file, sqlite)).said,
    /^1 session was used there since, and stays so\.$/m,
  );
  assertEquals(await all(store, "sess-1"), [["n", 6]]);
});

Deno.test("store copy: a session that is used at the target while it is copied stays as it is there", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  {
    await using store = await openStore(file, quiet);
    await store.create(record("sess-1", forAnHour));
    await put(store, "sess-1", ["n", 5]);
    await run("copy", file, sqlite);
    await put(store, "sess-1", ["n", 100]);
  }
  await using store = await openStore(sqlite, quiet);
  await using from = await openInspector(file);
  await using there = await openInspector(sqlite);
  const counts = new CopyCounts();
  const used: StoreInspector = {
    ...from,
    servers: () => from.servers(),
    sessions: (options) => from.sessions(options),
    entries: async (options) => {
      await increment(store, "sess-1");
      return await from.entries(options);
    },
  };
  await copyServer({ namespace, from: used, to: store, there, onSession: () => {} }, counts);
  assertEquals([counts.kept, counts.replaced], [1, 0]);
  const [[, n] = []] = await all(store, "sess-1") ?? [];
  assert(Number(n) > 5 && Number(n) < 100, `${n}: what was acknowledged there is lost`);
  assertEquals(await store.list({ owner: INTERNAL_OWNER, limit: 9 }), []);
});

Deno.test("store copy: a server's own record that is there already by its id stays, and ends no copy", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  const own = { ...forAnHour, owner: INTERNAL_OWNER };
  for (const [url, alias] of [[file, "from"], [sqlite, "to"]] as const) {
    await using store = await openStore(url, quiet);
    await store.create(record("own", { ...own, alias }));
    if (url === file) await store.create(record("sess-1", forAnHour));
  }
  const { status, said, wrong } = await run("copy", file, sqlite);
  assertEquals([status, said, wrong], [0, "Copied 1 session.", ""]);
  await using store = await openStore(sqlite, quiet);
  assertEquals((await store.get("own"))?.alias, "to");
});

Deno.test("store copy: tells of a session whose alias another has there, and copies the others", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  {
    await using source = await openStore(file, quiet);
    for (const [i, alias] of ["taken", "held", null].entries()) {
      await source.create(record(`sess-${i}`, { ...forAnHour, stateId: `0${i}`, alias }));
    }
    await put(source, "sess-1", ["a", 1]);
    await using target = await openStore(sqlite, quiet);
    for (const alias of ["taken", "held"]) {
      await target.create(record(`other-${alias}`, { ...forAnHour, alias }));
    }
  }
  const { status, wrong } = await run("copy", file, sqlite);
  assertEquals(status, 1);
  assertMatch(wrong, /^store: Copied 1 session\.\n/);
  assertMatch(wrong, /^2 sessions could not be copied:\nSESSION +WHY\n0[01] +.*\n0[01] +.*$/m);
  const again = await run("copy", file, sqlite, "--json");
  const { same, failures } = JSON.parse(again.said);
  assertEquals([again.status, same], [1, 1]);
  assertEquals(failures.map(({ session }: { session: string }) => session), ["00", "01"]);
  await using target = await openStore(sqlite, quiet);
  assertEquals((await target.list({ owner: null, limit: 9 })).map(({ id }) => id), [
    "sess-2",
    "other-held",
    "other-taken",
  ]);
  assertEquals(
    await target.list({ owner: INTERNAL_OWNER, limit: 9 }),
    [],
    "nothing is left behind",
  );
});

Deno.test("store copy: what a killed run has left is not seen, not copied, and made good", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  await fillStore(file, 10);
  // As kills leave it: gathered half, and gathered whole for a session that is there.
  const [left, done] = [2, 4].map((index) =>
    record(`left-${index}`, {
      ...forAnHour,
      owner: INTERNAL_OWNER,
      alias: `store-copy:${filledRecord(index).stateId}`,
    })
  ) as [SessionRecord, SessionRecord];
  {
    await using store = await openStore(sqlite, quiet);
    await store.create(left);
    await store.create(done);
    await store.create(filledRecord(4));
    await put(store, left.id, ["half", 1], ["key", "wrong"]);
    await using inspector = await openInspector(sqlite);
    assertEquals((await inspector.servers()).map(({ sessions }) => sessions), [1]);
  }
  assertEquals((await run("copy", file, sqlite)).status, 0);
  assertEquals(await allOf(sqlite), await allOf(file));
  {
    await using store = await openStore(sqlite, quiet);
    await store.create(left);
  }
  const back = `file:${folder.path}/back`;
  assertEquals((await run("copy", sqlite, back)).status, 0);
  assertEquals(await allOf(back), await allOf(file));
});

Deno.test("store copy: a reader of the target never sees a part of a state", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  {
    await using store = await openStore(file, quiet);
    await Promise.all(Array.from({ length: 30 }, async (_, i) => {
      await store.create(record(`sess-${i}`, forAnHour));
      await fill(store, `sess-${i}`, 600);
    }));
  }
  await using target = await openStore(sqlite, quiet);
  await using inspector = await openInspector(sqlite);
  let isOver = false;
  const copying = run("copy", file, sqlite).finally(() => isOver = true);
  const seen = new Set<number>();
  while (!isOver) {
    for (const { record: { stateId, id } } of await inspector.sessions({ namespace, limit: 99 })) {
      const entries = await inspector.entries({ namespace, stateId, limit: 9999 });
      seen.add(entries?.length ?? -1);
      seen.add((await all(target, id))?.length ?? -1);
    }
  }
  assertEquals((await copying).status, 0);
  assertEquals([...seen], [600]);
});

Deno.test("store copy: shows its progress on a terminal alone, and takes it away", async () => {
  await using folder = await tempFolder();
  const { file, sqlite, kv } = urlsIn(folder.path);
  await fillStore(file, 30);
  const shown: string[] = [];
  const progress = (text: string) => void shown.push(text);
  const { said } = await runWith({ progress }, "copy", file, sqlite);
  assertEquals(said, "Copied 30 sessions.");
  assertEquals(shown[0], "\r1 of 30 sessions");
  assertEquals(shown.at(-1), "\r\x1b[K");
  const { said: json } = await runWith({ progress }, "copy", file, kv, "--json");
  assertEquals(JSON.parse(json).copied, 30);
});

Deno.test("store copy: needs a source that is there, and a target that is no memory", async () => {
  await using folder = await tempFolder();
  const { file, sqlite } = urlsIn(folder.path);
  const missing = await run("copy", file, sqlite);
  assertEquals(missing.status, 2);
  assertMatch(missing.wrong, /^store: There is no store at /);
  assertEquals(Array.from(Deno.readDirSync(folder.path)), []);
  await fillStore(file, 2);
  const { status, wrong } = await run("copy", file, "memory:");
  assertEquals(status, 2);
  assertMatch(wrong, /only its own process can inspect/);
});

Deno.test({
  name: "store copy: onto itself by another name is refused, and changes nothing",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    await Deno.mkdir(`${folder.path}/here`);
    await Deno.symlink(`${folder.path}/here`, `${folder.path}/there`);
    const [here, there] = ["here", "there"].map((name) => urlsIn(`${folder.path}/${name}`));
    for (const kind of ["file", "sqlite", "kv"] as const) {
      const [from, to] = [here![kind], there![kind]];
      await fillStore(from, 10);
      const before = await allOf(from);
      const { status, said, wrong } = await run("copy", from, to);
      assertEquals([status, said, wrong], [
        2,
        "",
        "store: FROM and TO are one store: name another TO (see --help)",
      ]);
      assertEquals(await allOf(from), before);
    }
  },
});
