import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  presenting,
  type ServerName,
  SERVERS,
  startServer,
  TRANSPORTS,
} from "../../support/servers/server.ts";

const names: Record<ServerName, { name: string; tools: string[] }> = {
  session: { name: "experimental-mcp-sessions", tools: ["session_probe"] },
  session_required: { name: "session-required", tools: ["echo", "whoami"] },
  notebook: {
    name: "notebook",
    tools: ["notebook_append", "notebook_clear", "notebook_read", "notebook_status"],
  },
  hashcheck: {
    name: "hashcheck",
    tools: ["hashcheck_delete", "hashcheck_list", "hashcheck_store", "hashcheck_verify"],
  },
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
    Deno.test(`${server} over ${transport}: lists its tools with their schemas and annotations`, async () => {
      await using running = await startServer({ server, transport });
      const { serverInfo, ...initialized } = await running.initialize();
      assertEquals(serverInfo.name, names[server].name);
      assert("instructions" in initialized && String(initialized.instructions).length > 40);
      const { tools } = await running.result("tools/list", presenting(null));
      assertEquals(tools.map(({ name }) => name).sort(), names[server].tools);
      for (const tool of tools) {
        assert(String(tool.description).length > 10);
        const { readOnlyHint, idempotentHint } = Object(tool.annotations);
        assertEquals(typeof readOnlyHint, "boolean");
        assertEquals(typeof idempotentHint, "boolean");
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
    assertEquals(status.structuredContent, {
      action: "status",
      session: created,
      calls: 1,
      note: "none",
    });
    assertStringIncludes(status.content[0]?.text ?? "", `id=${created.id}`);

    const noted = await server.toolResult(
      "session_probe",
      { action: "status", note: "hi" },
      created,
    );
    assertEquals([noted.structuredContent.calls, noted.structuredContent.note], [2, "hi"]);
    const unnoted = await server.toolResult("session_probe", { note: "" }, created);
    assertEquals([unnoted.structuredContent.calls, unnoted.structuredContent.note], [3, "none"]);

    const rotated = await server.toolResult("session_probe", { action: "new" }, created);
    const fresh = rotated._meta?.["mcp/session"];
    assert(fresh);
    assertMatch(fresh.id, /^sess-[0-9a-f]{32}$/);
    assert(fresh.id !== created.id);
    assertEquals(rotated.structuredContent, {
      action: "new",
      session: fresh,
      calls: 1,
      note: "none",
    });
    assertEquals(fresh.data.title, "rotated-session");
    assertEquals(fresh.data.reason, "tool/new");
    assertStringIncludes(rotated.content[0]?.text ?? "", `id=${fresh.id}`);
    const after = await server.toolResult("session_probe", {}, fresh);
    assertEquals(after.structuredContent.calls, 2);

    const revoked = await server.toolResult("session_probe", { action: "revoke" }, fresh);
    assertEquals(revoked.structuredContent, {
      action: "revoke",
      revoked: true,
      session_id: fresh.id,
    });
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

    assertEquals(await call(a, "notebook_read"), {
      action: "read",
      session_id: a.id,
      notes: [],
      count: 0,
    });
    for (const [index, text] of ODD_TEXTS.entries()) {
      assertEquals(await call(a, "notebook_append", { text }), {
        action: "append",
        note_number: index + 1,
        text,
        session_id: a.id,
      });
    }
    await call(b, "notebook_append", { text: "b's own" });
    const read = await call(a, "notebook_read");
    const notes = read.notes as { text: string; timestamp: string }[];
    assertEquals(notes.map(({ text }) => text), ODD_TEXTS);
    for (const { timestamp } of notes) assertMatch(timestamp, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assertEquals(read.count, ODD_TEXTS.length);
    assertEquals(await call(a, "notebook_status"), {
      session_id: a.id,
      note_count: ODD_TEXTS.length,
      tool_calls: ODD_TEXTS.length + 3,
    });
    assertEquals(await call(a, "notebook_clear"), {
      action: "clear",
      session_id: a.id,
      removed: ODD_TEXTS.length,
    });
    assertEquals((await call(a, "notebook_clear")).removed, 0);
    assertEquals((await call(a, "notebook_append", { text: "anew" })).note_number, 1);
    assertEquals((await call(b, "notebook_status")).note_count, 1);
  });

  Deno.test(`notebook over ${transport}: numbers concurrent notes, and clears many`, async () => {
    await using server = await startServer({ server: "notebook", transport });
    const cookie = await server.create();
    const count = 1100;
    const results = await Promise.all(
      Array.from(
        { length: count },
        (_, index) => server.toolResult("notebook_append", { text: `${index}` }, cookie),
      ),
    );
    const numbers = results.map(({ structuredContent }) => Number(structuredContent.note_number));
    assertEquals(
      numbers.toSorted((a, b) => a - b),
      Array.from({ length: count }, (_, index) => index + 1),
    );
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

    const stored = await call("hashcheck_store", { key: "k", text: "hello" });
    assertEquals(stored.structuredContent, {
      action: "store",
      key: "k",
      algorithm: "sha256",
      hash: HELLO,
      session_id: cookie.id,
    });
    const match = await call("hashcheck_verify", { key: "k", text: "hello" });
    assertEquals(match.structuredContent, {
      found: true,
      match: true,
      key: "k",
      stored_hash: HELLO,
      provided_hash: HELLO,
      algorithm: "sha256",
    });
    assertMatch(match.content[0]?.text ?? "", /^MATCH/);
    const mismatch = await call("hashcheck_verify", { key: "k", text: "" });
    assertEquals(mismatch.structuredContent, {
      found: true,
      match: false,
      key: "k",
      stored_hash: HELLO,
      provided_hash: EMPTY,
      algorithm: "sha256",
    });
    assertMatch(mismatch.content[0]?.text ?? "", /^MISMATCH/);
    const missing = await call("hashcheck_verify", { key: "other", text: "" });
    assertEquals(missing.structuredContent, {
      found: false,
      match: false,
      key: "other",
      stored_hash: null,
      provided_hash: EMPTY,
      algorithm: "sha256",
    });
    assertStringIncludes(missing.content[0]?.text ?? "", "not found");
    assertEquals((await call("hashcheck_list")).structuredContent, {
      action: "list",
      session_id: cookie.id,
      entries: { k: HELLO },
      count: 1,
    });
    for (const deleted of [true, false]) {
      assertEquals((await call("hashcheck_delete", { key: "k" })).structuredContent, {
        action: "delete",
        key: "k",
        deleted,
        session_id: cookie.id,
      });
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
    assertEquals(
      Object.keys(Object(structuredContent.entries)).sort(),
      ODD_TEXTS.toSorted(),
    );
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
