import { assert, assertEquals, assertMatch } from "@std/assert";
import { openInspector, openStore } from "../../../store/mod.ts";
import { run, runWith } from "../../support/store/admin/admin_runs.ts";
import { put, record, tempFolder } from "../../support/store/stores.ts";
import { filledRecord, fillStore } from "../../support/store/admin/whole_stores.ts";

/** A folder with a filled store, and its URL. */
async function filled(scheme = "file", count = 30) {
  const folder = await tempFolder();
  const url = `${scheme}:${folder.path}/store`;
  await fillStore(url, count);
  return {
    folder: folder.path,
    url,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const sessionOf = (index: number) => filledRecord(index).stateId;

/** The sessions in an answer, in its order, as the numbers that they were made with. */
function numbersIn(said: string): number[] {
  return Array.from(said.matchAll(/Title (\d+) /g), ([, index]) => Number(index));
}

for (const scheme of ["file", "sqlite", "kv"]) {
  Deno.test(`store: its commands that look change no byte of a ${scheme} store, and tell no id`, async () => {
    await using store = await filled(scheme);
    const bytes = () =>
      Array.from(Deno.readDirSync(store.folder), ({ name }) => name).sort().map((name) => [
        name,
        Deno.readFileSync(`${store.folder}/${name}`).toHex(),
      ]);
    const before = bytes();
    for (const args of [["servers"], ["ls"], ["stats"], ["show"]]) {
      for (const more of [[], ["--json"]]) {
        const operands = args[0] === "show" ? [store.url, sessionOf(12)] : [store.url];
        const { status, said, wrong } = await run(...args, ...operands, ...more);
        assertEquals([status, wrong], [0, ""]);
        assert(!/secret|request-state-key|0123$/.test(said), said);
        if (more.length > 0) JSON.parse(said);
      }
    }
    assertEquals(bytes(), before);
  });
}

Deno.test("store servers: has each server, its sessions and their size", async () => {
  await using store = await filled();
  const { said } = await run("servers", store.url);
  assertMatch(said, /^SERVER +SESSIONS +SIZE\none +15 +\d+ B\ntwo +15 +\d+ B$/);
  const json = JSON.parse((await run("servers", store.url, "--json")).said);
  assertEquals(json.map(({ server, sessions }: Record<string, unknown>) => [server, sessions]), [
    ["one", 15],
    ["two", 15],
  ]);
});

Deno.test("store ls: filters, sorts and pages", async () => {
  await using store = await filled();
  const ls = async (...args: string[]) => numbersIn((await run("ls", store.url, ...args)).said);
  const all = Array.from({ length: 30 }, (_, i) => i);
  assertEquals(await ls(), all);
  assertEquals(await ls("--server", "two"), all.filter((i) => i % 2 === 1));
  assertEquals(await ls("--owner", "alice"), all.filter((i) => i % 3 === 1));
  assertEquals(await ls("--anonymous", "--server", "one"), all.filter((i) => i % 6 === 0));
  assertEquals(await ls("--title", "TITLE 1 "), [1]);
  assertEquals(await ls("--limit", "4"), [0, 1, 2, 3]);
  assertEquals(await ls("--limit", "4", "--page", "8"), [28, 29]);
  assertEquals(await ls("--reverse", "--limit", "2"), [29, 28]);
  assertEquals(await ls("--sort", "expires", "--limit", "2"), [0, 1]);
  assertEquals((await ls("--sort", "calls", "--limit", "3")).map((i) => i % 4), [3, 3, 3]);
  assertEquals((await ls("--sort", "bytes", "--limit", "3")).map((i) => i % 10), [2, 2, 2]);
  assertEquals((await ls("--sort", "owner", "--limit", "3")).map((i) => i % 3), [0, 0, 0]);
  assertEquals(await ls("--sort", "title", "--reverse", "--limit", "2"), [9, 8]);
  const { said } = await run("ls", store.url, "--limit", "4", "--page", "2");
  assertMatch(said, /\n5 to 8 of 30 sessions; --page has others$/);
  assertEquals((await run("ls", store.url, "--owner", "x")).said, "There are no such sessions.");
  assertEquals((await run("ls", store.url, "--page", "9")).said, "There are 30 sessions.");
});

Deno.test("store ls: --json has all that is known but for ids and aliases", async () => {
  await using store = await filled();
  const { said } = await run("ls", store.url, "--limit", "1", "--json");
  const { id: _, alias: __, stateId, endsAt, expiresAt, ttlMs, data } = filledRecord(0);
  const { sessions: [session], ...page } = JSON.parse(said);
  assertEquals(page, { total: 30, page: 1, limit: 1 });
  // The times of a test go on.
  const near = (a: string, b: number | null) => Math.abs(Date.parse(a) - (b ?? 0)) < 600_000;
  assert(near(session.expiresAt, expiresAt) && near(session.endsAt, endsAt));
  assertEquals({ ...session, expiresAt: 0, endsAt: 0 }, {
    session: stateId,
    server: "one",
    owner: null,
    hasAlias: true,
    toolCalls: 0,
    bytes: 0,
    createdAt: data["createdAt"],
    expiresAt: 0,
    endsAt: 0,
    ttlMs,
    data,
  });
});

Deno.test("store show: has a session's record and state, by the beginning of what ls shows", async () => {
  await using store = await filled();
  const whole = await run("show", store.url, sessionOf(12));
  assertMatch(whole.said, /^server +one$/m);
  assertMatch(whole.said, /^title +Title 12 買い物$/m);
  assertMatch(whole.said, /^state +3 values, \d+ B$/m);
  assertMatch(whole.said, /^KEY +VALUE\n +""\nkey +12\né\ufffd +\{"a":\[null,"\u{1f600}"\]\}$/mu);
  assertEquals((await run("show", store.url, sessionOf(12).slice(0, -1))).said, whole.said);
});

Deno.test("store show and rm: a beginning of several sessions is an error that lists them", async () => {
  await using folder = await tempFolder();
  const url = `file:${folder.path}/store`;
  {
    await using store = await openStore(url, { namespace: "one" });
    for (const stateId of ["aa", "ab1", "ab2", "ab", "b\u202e"]) {
      await store.create(record(`sess-${stateId.length}${stateId}`, {
        stateId,
        expiresAt: Date.now() + 3_600_000,
        data: { title: `\x1b[31mTitle \u202e${stateId}` },
      }));
    }
  }
  for (const command of [["show"], ["rm", "--yes"]]) {
    const [name = "", ...flags] = command;
    const { status, said, wrong } = await run(name, url, "a", ...flags);
    assertEquals([status, said], [1, ""]);
    const [first, head, ...rows] = wrong.split("\n");
    assertEquals(first, "store: More than one session begins with a: type more of it");
    assertMatch(head!, /^SESSION +SERVER/);
    assertEquals(rows.map((row) => row.split(/ +/)[0]), ["aa", "ab", "ab1", "ab2"]);
    assert(!/[\p{Cf}\p{Cc}]/u.test(wrong.replaceAll("\n", "")));
    assertEquals((await run(name, url, "c", ...flags)).status, 1);
  }
  assertMatch((await run("show", url, "ab")).said, /^session +ab$/m);
  assertMatch((await run("show", url, "aa")).said, /^session +aa$/m);
  assertMatch((await run("show", url, "b")).said, /^session +b\ufffd$/m);
});

Deno.test("store: people see no whole session id that stands in a title, an owner or a state", async () => {
  await using folder = await tempFolder();
  const url = `file:${folder.path}/store`;
  const leaky = `sess-${"5e".repeat(16)}`;
  {
    await using store = await openStore(url, { namespace: "one" });
    const data = { title: `of ${leaky}` };
    const expiresAt = Date.now() + 3_600_000;
    await store.create(record("1", { stateId: "a", owner: leaky, expiresAt, data }));
    await put(store, "1", [leaky, { handle: leaky }]);
  }
  let question = "";
  const ask = (text: string) => {
    question = text;
    return false;
  };
  const [ls, show, stats] = [
    await run("ls", url),
    await run("show", url, "a"),
    await run("stats", url),
  ];
  await runWith({ ask }, "rm", url, "a");
  for (const said of [ls.said, show.said, stats.said, question]) {
    assert(said.includes("sess-5e5e5e5e…") && !said.includes(leaky), said);
  }
  const { said } = await run("show", url, "a", "--json");
  assertEquals(JSON.parse(said).state, { [leaky]: { handle: leaky } });
});

Deno.test("store rm: ends one session, which it asks about first", async () => {
  await using store = await filled("sqlite");
  const asked: string[] = [];
  const answer = (isYes: boolean) => (question: string) => {
    asked.push(question);
    return isYes;
  };
  const args = ["rm", store.url, sessionOf(12)];
  const refused = await runWith({ ask: answer(false) }, ...args);
  assertEquals([refused.status, refused.wrong], [1, "store: Nothing was ended"]);
  assertEquals(numbersIn((await run("ls", store.url)).said).length, 30);
  const { status, said } = await runWith({ ask: answer(true) }, ...args);
  assertEquals([status, said], [0, "Ended 1 session."]);
  assertMatch(
    asked[0]!,
    /^End session \w+ "Title 12 買い物" of nobody on one, with its state of \d+ B\?$/,
  );
  assertEquals(asked.length, 2);
  assert(!numbersIn((await run("ls", store.url)).said).includes(12));
  assertEquals((await run(...args, "--yes")).status, 1);
});

Deno.test("store rm: ends all of one owner, on one server or all", async () => {
  await using store = await filled();
  const all = Array.from({ length: 30 }, (_, i) => i);
  const left = async () => numbersIn((await run("ls", store.url)).said);
  let question = "";
  const ask = (text: string) => Boolean(question = text);
  await runWith({ ask }, "rm", store.url, "--owner", "alice", "--server", "one");
  assertEquals(question, "End 5 sessions of alice, with their states?");
  assertEquals(await left(), all.filter((i) => i % 6 !== 4));
  assertEquals((await run("rm", store.url, "--owner", "alice", "--yes")).said, "Ended 5 sessions.");
  assertEquals((await run("rm", store.url, "--anonymous", "--yes")).said, "Ended 10 sessions.");
  assertEquals(await left(), all.filter((i) => i % 3 === 2));
  const { status, wrong } = await run("rm", store.url, "--owner", "alice", "--yes");
  assertEquals([status, wrong], [
    1,
    "store: There is no session of alice: name an owner as ls shows it, or give --anonymous",
  ]);
});

Deno.test("store rm: ends a session too that is given another id while it asks", async () => {
  await using folder = await tempFolder();
  const url = `file:${folder.path}/store`;
  await using store = await openStore(url, { namespace: "one" });
  for (const what of [["a"], ["--owner", "alice"]]) {
    for (const stateId of ["a", "b", "c"]) {
      const expiresAt = Date.now() + 3_600_000;
      await store.create(record(`sess-${stateId}`, { stateId, owner: "alice", expiresAt }));
    }
    const ask = async () => await store.regenerate("sess-a", "sess-renewed") !== undefined;
    const { status, wrong } = await runWith({ ask }, "rm", url, ...what);
    assertEquals([status, wrong], [0, ""]);
    assertEquals(await store.get("sess-renewed"), undefined);
    await run("rm", url, "--owner", "alice", "--yes");
  }
});

Deno.test("store rm: without a terminal it needs --yes, and ends nothing", async () => {
  await using store = await filled();
  for (const what of [[sessionOf(1)], ["--owner", "alice"]]) {
    const { status, wrong } = await run("rm", store.url, ...what);
    assertEquals(status, 2);
    assertMatch(wrong, /there is no terminal to ask on: give --yes/);
  }
  assertEquals(numbersIn((await run("ls", store.url)).said).length, 30);
});

Deno.test("store rm: servers that use the store see at once that a session has ended", async () => {
  await using folder = await tempFolder();
  const url = `file:${folder.path}/store`;
  await using store = await openStore(url, { namespace: "one" });
  await store.create(record("sess-1", { expiresAt: Date.now() + 3_600_000 }));
  await put(store, "sess-1", ["a", 1]);
  assertEquals((await run("rm", url, "state", "--yes")).said, "Ended 1 session.");
  assertEquals(await store.get("sess-1"), undefined);
  await using inspector = await openInspector(url);
  assertEquals(await inspector.servers(), []);
});

Deno.test("store stats: counts by server, owner, age and expiry", async () => {
  await using store = await filled();
  const { said } = await run("stats", store.url);
  for (const head of ["SERVER", "OWNER", "AGE UP TO A", "EXPIRES WITHIN A"]) {
    assertMatch(said, new RegExp(`^${head} +SESSIONS +CALLS +SIZE$`, "m"));
  }
  const json = JSON.parse((await run("stats", store.url, "--json")).said);
  assertEquals([json.sessions, json.owners, json.byServer.length], [30, 9, 2]);
  assertEquals(json.byOwner[0].sessions, 10);
  const sum = (rows: { sessions: number }[]) =>
    rows.reduce((all, { sessions }) => all + sessions, 0);
  assertEquals([sum(json.byAge), sum(json.byExpiry)], [30, 30]);
  assertEquals(json.byExpiry.map(({ upTo }: { upTo: string }) => upTo), ["hour", "day", "week"]);
  {
    await using one = await openStore(store.url, { namespace: "one", warn: () => {} });
    const data = { createdAt: new Date(0).toISOString() };
    await one.create(record("old", { owner: "old", expiresAt: Date.now() + 3_600_000, data }));
  }
  const old = JSON.parse((await run("stats", store.url, "--owner", "old", "--json")).said);
  assertEquals(old.byAge, [{ upTo: "longer", sessions: 1, bytes: 0, toolCalls: 0 }]);
  const none = await run("stats", store.url, "--owner", "x");
  assertEquals(none.said, "There are no such sessions.");
});

Deno.test("store: takes MCP_SESSIONS_STORE where no STORE is named, and a path for a file", async () => {
  await using store = await filled("sqlite");
  const env = new Map([["MCP_SESSIONS_STORE", store.url]]);
  assertEquals((await runWith({ env }, "servers")).said, (await run("servers", store.url)).said);
  assertMatch((await runWith({ env }, "show", sessionOf(3))).said, /^title +Title 3 /m);
  const path = `${store.folder}/plain`;
  await fillStore(`file:${path}`, 3);
  assertEquals(numbersIn((await runWith({ env }, "ls", path)).said), [0, 1, 2]);
  const forbidden = {
    get: () => {
      throw new Deno.errors.NotCapable("no");
    },
  };
  const { status, wrong } = await runWith({ env: forbidden }, "servers");
  assertEquals(status, 2);
  assertMatch(wrong, /A STORE is missing, and MCP_SESSIONS_STORE is not set/);
});

Deno.test("store: wrong command lines are told in one line, without the secrets of a URL", async () => {
  const secret = "redis://user:hunter2@127.0.0.1:1";
  const cases: [args: string[], message: RegExp][] = [
    [["ls", "a", "b"], /^store: ls takes one STORE, or none/],
    [["show"], /^store: show takes STORE and the beginning of a SESSION/],
    [["show", "a", ""], /^store: show takes STORE and the beginning/],
    [["rm", "a", "b", "c"], /^store: rm takes STORE/],
    [["copy", secret], /^store: copy takes FROM and TO/],
    [["ls", "a", "--owner", "x", "--anonymous"], /give one of them/],
    [["ls", "a", "--sort", "size"], /--sort takes age, expires/],
    [["ls", "a", "--limit", "0"], /--limit takes a whole number from 1/],
    [["servers", "a", "--owner", "x"], /--owner goes with ls, rm, stats/],
    [["verify", "a", "--json"], /--json goes with servers/],
    [["stats", "a", "--yes"], /--yes goes with rm/],
    [["stats", "rdis://user:hunter2@host"], /its scheme is none of/],
    [["servers", secret], /^store: Cannot open Redis at 127\.0\.0\.1:1: /],
    [[secret, "ls"], /^store: There is no command redis:…/],
    [["verify", secret], /^store: verify is of file stores alone: redis:\/\/…@127\.0\.0\.1:1 /],
    [
      ["repair", "sqlite:x.db", "--to", "x"],
      /^store: repair is of file stores alone: sqlite:x.db /,
    ],
    [["servers", "memory:"], /only its own process can inspect/],
  ];
  for (const [args, message] of cases) {
    const { status, said, wrong } = await run(...args);
    assertEquals([status, said], [2, ""], String(message));
    assertMatch(wrong, message);
    assert(!wrong.includes("\n") && !wrong.includes("hunter2"), wrong);
  }
});
