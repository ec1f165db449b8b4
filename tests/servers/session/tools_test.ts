import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  presenting,
  type ServerName,
  SERVERS,
  startServer,
  TRANSPORTS,
} from "../../support/servers/server.ts";

const names: Record<ServerName, string> = {
  session: "experimental-mcp-sessions",
  session_required: "session-required",
  notebook: "notebook",
  hashcheck: "hashcheck",
};

// The SHA-256 of "hello" and of the empty text, as sha256sum prints them.
const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const ODD_TEXTS = [
  "",
  " ",
  "__proto__",
  "constructor",
  "nul\0nul",
  "line\u2028and\u2029paragraph",
  'quote" back\\slash /slash',
  "\r\n\t\u0007\u001b[31m",
  "e\u0301 \u00e9 \ufeff bom",
  "日本語 العربية 🦕👩‍👩‍👧",
  "\uffff\ufffe",
  "\\ud800 is a text, not a surrogate",
  "x".repeat(1024),
];

const LONE_SURROGATE = JSON.parse('"\\ud800"');

for (const transport of TRANSPORTS) {
  for (const server of SERVERS) {
    Deno.test(`${server} over ${transport}: describes itself, its tools and their arguments`, async () => {
      await using running = await startServer({ server, transport });
      const { serverInfo, ...initialized } = await running.initialize();
      assertEquals(serverInfo.name, names[server]);
      assert("instructions" in initialized && String(initialized.instructions).length > 40);
      const { tools } = await running.result("tools/list", presenting(null));
      assert(tools.length > 0);
      for (const tool of tools) {
        assert(String(tool.description).length > 10);
        for (const property of Object.values(Object(tool.inputSchema).properties ?? {})) {
          assert(Object(property).description, `${tool.name} describes its arguments`);
        }
        assert(tool.name === "echo" || tool.outputSchema, `${tool.name} has an output schema`);
      }
    });
  }

  Deno.test(`session_probe over ${transport}: shows, replaces and ends the session`, async () => {
    await using server = await startServer({ server: "session", transport });
    const created = await server.create({ hints: { label: "probe" } });

    const status = await server.toolResult("session_probe", {}, created);
    const first = { action: "status", session: created, calls: 1, note: "none" };
    assertEquals(status.structuredContent, first);
    assertStringIncludes(status.content[0]?.text ?? "", `id=${created.id}`);

    const notes = [{ action: "status", note: "hi" }, { note: "" }];
    for (const [index, shown] of ["hi", "none"].entries()) {
      const { structuredContent } = await server.toolResult("session_probe", notes[index], created);
      assertEquals([structuredContent.calls, structuredContent.note], [index + 2, shown]);
    }

    const rotated = await server.toolResult("session_probe", { action: "new" }, created);
    const fresh = rotated._meta?.["mcp/session"];
    assert(fresh);
    assertMatch(fresh.id, /^sess-[0-9a-f]{32}$/);
    assert(fresh.id !== created.id);
    const shown = { action: "new", session: fresh, calls: 1, note: "none" };
    assertEquals(rotated.structuredContent, shown);
    assertEquals(fresh.data.title, "rotated-session");
    assertEquals(fresh.data.reason, "tool/new");
    assertStringIncludes(rotated.content[0]?.text ?? "", `id=${fresh.id}`);
    const after = await server.toolResult("session_probe", {}, fresh);
    assertEquals(after.structuredContent.calls, 2);

    const revoked = await server.toolResult("session_probe", { action: "revoke" }, fresh);
    const gone = { action: "revoke", revoked: true, session_id: fresh.id };
    assertEquals(revoked.structuredContent, gone);
    assertEquals(revoked._meta, { "mcp/session": null });
    assertStringIncludes(revoked.content[0]?.text ?? "", "session revoked");
  });

  Deno.test(`session_probe over ${transport}: replaces and ends a lazy session`, async () => {
    await using server = await startServer({ server: "session", transport });
    const fresh = await server.toolResult("session_probe", { action: "new" });
    assertEquals(fresh.structuredContent.calls, 1);
    assertEquals(fresh._meta?.["mcp/session"]?.data.title, "rotated-session");
    const revoked = await server.toolResult("session_probe", { action: "revoke" });
    assertEquals(revoked._meta, { "mcp/session": null });
  });

  Deno.test(`echo over ${transport}: gives back the text alone`, async () => {
    await using server = await startServer({ server: "session_required", transport });
    const cookie = await server.create();
    for (const text of ODD_TEXTS) {
      const result = await server.toolResult("echo", { text }, cookie);
      assertEquals(result, {
        ...result,
        content: [{ type: "text", text }],
        _meta: { "mcp/session": cookie },
      });
      assertEquals("structuredContent" in result, false);
    }
  });

  Deno.test(`notebook over ${transport}: keeps each session's notes apart and in order`, async () => {
    await using server = await startServer({ server: "notebook", transport });
    const [a, b] = [await server.create(), await server.create()];
    const call = async (cookie: unknown, name: string, args = {}) =>
      (await server.toolResult(name, args, cookie)).structuredContent;

    const session_id = a.id;
    const empty = { action: "read", session_id, notes: [], count: 0 };
    assertEquals(await call(a, "notebook_read"), empty);
    for (const [index, text] of ODD_TEXTS.entries()) {
      const appended = { action: "append", note_number: index + 1, text, session_id };
      assertEquals(await call(a, "notebook_append", { text }), appended);
    }
    await call(b, "notebook_append", { text: "b's own" });
    const read = await call(a, "notebook_read");
    const notes = read.notes as { text: string; timestamp: string }[];
    assertEquals(notes.map(({ text }) => text), ODD_TEXTS);
    for (const { timestamp } of notes) assertMatch(timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assertEquals(read.count, ODD_TEXTS.length);
    const [note_count, tool_calls] = [ODD_TEXTS.length, ODD_TEXTS.length + 3];
    assertEquals(await call(a, "notebook_status"), { session_id, note_count, tool_calls });
    const cleared = { action: "clear", session_id, removed: note_count };
    assertEquals(await call(a, "notebook_clear"), cleared);
    assertEquals((await call(a, "notebook_clear")).removed, 0);
    assertEquals((await call(a, "notebook_append", { text: "anew" })).note_number, 1);
    assertEquals((await call(b, "notebook_status")).note_count, 1);
  });

  Deno.test(`notebook over ${transport}: numbers concurrent notes, and clears many`, async () => {
    await using server = await startServer({ server: "notebook", transport });
    const cookie = await server.create();
    const count = 1100;
    const expected = Array.from({ length: count }, (_, index) => index + 1);
    const append = (text: string) => server.toolResult("notebook_append", { text }, cookie);
    const results = await Promise.all(expected.map((number) => append(`${number}`)));
    const numbers = results.map(({ structuredContent }) => Number(structuredContent.note_number));
    assertEquals(numbers.toSorted((a, b) => a - b), expected);
    const { structuredContent } = await server.toolResult("notebook_read", {}, cookie);
    assertEquals(structuredContent.count, count);
    const cleared = await server.toolResult("notebook_clear", {}, cookie);
    assertEquals(cleared.structuredContent.removed, count);
    const status = await server.toolResult("notebook_status", {}, cookie);
    assertEquals(status.structuredContent.note_count, 0);
  });

  Deno.test(`notebook over ${transport}: a concurrent clear loses no note, and keeps the order`, async () => {
    await using server = await startServer({ server: "notebook", transport });
    for (let round = 0; round < 5; round++) {
      const cookie = await server.create();
      const append = (text: string) => server.toolResult("notebook_append", { text }, cookie);
      for (let i = 0; i < 5; i++) await append("before");
      const clear = server.toolResult("notebook_clear", {}, cookie);
      await Promise.all([clear, ...Array.from({ length: 8 }, (_, i) => append(`during ${i}`))]);
      const { removed } = (await clear).structuredContent;
      for (let i = 0; i < 3; i++) await append("after");
      const status = (await server.toolResult("notebook_status", {}, cookie)).structuredContent;
      const read = (await server.toolResult("notebook_read", {}, cookie)).structuredContent;
      assertEquals([read.count, status.note_count], [16 - Number(removed), 16 - Number(removed)]);
      const texts = (read.notes as { text: string }[]).map(({ text }) => text);
      assertEquals(texts.slice(-3), ["after", "after", "after"]);
      const next = (await append("next")).structuredContent;
      assertEquals(next.note_number, Number(read.count) + 1);
    }
  });

  Deno.test(`hashcheck over ${transport}: stores, verifies, lists and deletes`, async () => {
    await using server = await startServer({ server: "hashcheck", transport });
    const cookie = await server.create();
    const call = async (name: string, args = {}) => await server.toolResult(name, args, cookie);

    const [algorithm, session_id] = ["sha256", cookie.id];
    const stored = await call("hashcheck_store", { key: "k", text: "hello" });
    const done = { action: "store", key: "k", algorithm, hash: HELLO, session_id };
    assertEquals(stored.structuredContent, done);
    const verdicts: [key: string, text: string, stored: string | null, hash: string, RegExp][] = [
      ["k", "hello", HELLO, HELLO, /^MATCH/],
      ["k", "", HELLO, EMPTY, /^MISMATCH/],
      ["other", "", null, EMPTY, /not found/],
    ];
    for (const [key, text, stored_hash, provided_hash, told] of verdicts) {
      const { structuredContent, content } = await call("hashcheck_verify", { key, text });
      const [found, match] = [stored_hash !== null, stored_hash === provided_hash];
      const expected = { found, match, key, stored_hash, provided_hash, algorithm };
      assertEquals(structuredContent, expected);
      assertMatch(content[0]?.text ?? "", told);
    }
    const list = { action: "list", session_id, entries: { k: HELLO }, count: 1 };
    assertEquals((await call("hashcheck_list")).structuredContent, list);
    for (const deleted of [true, false]) {
      const { structuredContent } = await call("hashcheck_delete", { key: "k" });
      assertEquals(structuredContent, { action: "delete", key: "k", deleted, session_id });
    }
  });

  Deno.test(`hashcheck over ${transport}: keeps odd keys exactly`, async () => {
    await using server = await startServer({ server: "hashcheck", transport });
    const cookie = await server.create();
    for (const key of ODD_TEXTS) {
      const { structuredContent } = await server.toolResult(
        "hashcheck_store",
        { key, text: key },
        cookie,
      );
      assertEquals(structuredContent.key, key);
      const verified = await server.toolResult("hashcheck_verify", { key, text: key }, cookie);
      assertEquals(verified.structuredContent.match, true, JSON.stringify(key));
    }
    const { structuredContent } = await server.toolResult("hashcheck_list", {}, cookie);
    assertEquals(Object.keys(Object(structuredContent.entries)).sort(), ODD_TEXTS.toSorted());
  });

  Deno.test(`limits over ${transport}: a text past a limit is an isError that names the limit`, async () => {
    await using hashes = await startServer({ server: "hashcheck", transport });
    await using notes = await startServer({ server: "notebook", transport });
    const cookies = new Map([[hashes, await hashes.create()], [notes, await notes.create()]]);
    const cases: [server: typeof hashes, tool: string, args: object, named: string][] = [
      [hashes, "hashcheck_store", { key: "ä".repeat(513), text: "" }, "1024"],
      [hashes, "hashcheck_verify", { key: "ä".repeat(513), text: "" }, "1024"],
      [hashes, "hashcheck_delete", { key: "ä".repeat(513) }, "1024"],
      [hashes, "hashcheck_store", { key: LONE_SURROGATE, text: "" }, "surrogate"],
      [hashes, "hashcheck_store", { key: "k", text: LONE_SURROGATE }, "surrogate"],
      [hashes, "hashcheck_verify", { key: "k", text: LONE_SURROGATE }, "surrogate"],
      [notes, "notebook_append", { text: "ä".repeat(31_000) }, "61440"],
      [notes, "notebook_append", { text: `a ${LONE_SURROGATE} b` }, "surrogate"],
    ];
    for (const [server, tool, args, named] of cases) {
      const cookie = cookies.get(server);
      const result = await server.toolResult(tool, args, cookie);
      assertEquals(result.isError, true, tool);
      assertStringIncludes(result.content[0]?.text ?? "", named);
      assertEquals(result._meta?.["mcp/session"], cookie);
    }
    const listed = await hashes.toolResult("hashcheck_list", {}, cookies.get(hashes));
    assertEquals(listed.structuredContent.count, 0);
    const read = await notes.toolResult("notebook_read", {}, cookies.get(notes));
    assertEquals(read.structuredContent.notes, []);
    const long = "x".repeat(61_000);
    await notes.toolResult("notebook_append", { text: long }, cookies.get(notes));
    const { structuredContent } = await notes.toolResult("notebook_read", {}, cookies.get(notes));
    assertEquals(Object(structuredContent.notes)[0].text, long);
  });
}
