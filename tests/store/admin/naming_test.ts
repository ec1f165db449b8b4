/** The names that a line of a server, the console and the commands have in common. */

import { assertEquals, assertMatch } from "@std/assert";
import { run, runWith } from "../../support/store/admin/admin_runs.ts";
import { plant, type Seed } from "../../support/console/seeds.ts";
import { auditLines } from "../../support/servers/audit_lines.ts";
import { startServer } from "../../support/servers/server.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const ALICE = '["tokens","alice","alice"]';
const OTHER_ALICE = '["https://id.example.com","app","alice"]';
const BOB = '["tokens","bob",null]';

/** A store with sessions of these owners. */
async function storeOf(...owners: (string | null)[]) {
  const folder = await tempFolder();
  const path = `${folder.path}/sessions.jsonl`;
  await plant(`file:${path}`, "notebook", owners.map((owner): Seed => ({ title: "Notes", owner })));
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

Deno.test("store ls and stats: --owner takes a principal, or the user of one alone", async () => {
  await using store = await storeOf(ALICE, ALICE, BOB, null, "bob@example.com");
  const ls = async (...args: string[]) =>
    JSON.parse((await run("ls", store.path, "--json", ...args)).said).total;
  assertEquals(await ls("--owner", ALICE), 2);
  assertEquals(await ls("--owner", "alice"), 2);
  assertEquals(await ls("--owner", "bob"), 1);
  assertEquals(await ls("--owner", "bob@example.com"), 1);
  assertEquals(await ls("--owner", "alic"), 0);
  assertEquals(await ls("--owner", "alice", "--server", "other"), 0);
  const { said } = await run("stats", store.path, "--json", "--owner", "alice");
  assertEquals(JSON.parse(said).sessions, 2);
});

Deno.test("store: --owner with a user of several principals is an error that lists them", async () => {
  await using store = await storeOf(ALICE, OTHER_ALICE, BOB);
  for (const args of [["ls"], ["stats"], ["rm", "--yes"]]) {
    const [name = "", ...flags] = args;
    const { status, said, wrong } = await run(name, store.path, "--owner", "alice", ...flags);
    assertEquals([status, said], [1, ""]);
    const [first, head, ...rows] = wrong.split("\n");
    assertEquals(first, "store: More than one owner is alice: name one of them");
    assertEquals([head, rows.sort()], ["OWNER", [OTHER_ALICE, ALICE].sort()]);
  }
  assertMatch((await run("rm", store.path, "--owner", ALICE, "--yes")).said, /^Ended 1 session\.$/);
  assertMatch((await run("ls", store.path, "--owner", "alice")).said, /"app","alice"/);
});

Deno.test("store ls: --owner takes a principal that is another one's user as it stands", async () => {
  await using store = await storeOf("alice", ALICE, ALICE);
  const { said } = await run("ls", store.path, "--owner", "alice", "--json");
  assertEquals(JSON.parse(said).sessions.map(({ owner }: { owner: string }) => owner), ["alice"]);
});

Deno.test("store rm: --owner with a user asks about the principal, and with --yes wants it whole", async () => {
  await using store = await storeOf(ALICE, ALICE, BOB);
  const unasked = await run("rm", store.path, "--owner", "alice", "--yes");
  assertEquals([unasked.status, unasked.wrong], [
    1,
    `store: With --yes an owner is named whole: alice is ${ALICE}`,
  ]);
  let question = "";
  const ask = (text: string) => Boolean(question = text);
  const asked = await runWith({ ask }, "rm", store.path, "--owner", "alice");
  assertEquals(question, `End 2 sessions of ${ALICE}, with their states?`);
  assertEquals([asked.status, asked.said], [0, "Ended 2 sessions."]);
});

Deno.test("store show and rm: take a session by the name that the audit log has for it", async () => {
  await using folder = await tempFolder();
  const [store, audit] = [`${folder.path}/sessions.jsonl`, `${folder.path}/audit.jsonl`];
  {
    await using server = await startServer({
      server: "notebook",
      transport: "http",
      store: `file:${store}`,
      flags: ["--audit", audit],
    });
    await server.create();
    await server.create();
  }
  const [first] = await auditLines(audit);
  const key = String(first?.session);
  const shown = JSON.parse((await run("show", store, key, "--json")).said);
  assertEquals((await run("rm", store, key, "--yes")).said, "Ended 1 session.");
  const left = JSON.parse((await run("ls", store, "--json")).said).sessions;
  assertEquals(left.length, 1);
  assertEquals(left[0].session === shown.session, false);
  assertEquals(
    (await run("show", store, key)).wrong,
    `store: No live session begins with ${key}: see ls`,
  );
});

Deno.test("store show: a session without a store is an error that says what show takes", async () => {
  const { status, wrong } = await run("show", "sessions.jsonl");
  assertEquals(status, 2);
  assertMatch(
    wrong,
    /MCP_SESSIONS_STORE is not set: show takes STORE and SESSION, or SESSION alone/,
  );
});
