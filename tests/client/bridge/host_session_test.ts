import { assertEquals, assertMatch } from "@std/assert";
import { HostSession } from "../../../client/bridge/host_session.ts";
import { type CookieChange, created, lost, resumed } from "../../../client/session/cookie_rules.ts";
import { MemoryJar } from "../../../client/mod.ts";
import type { HeldCookie } from "../../../protocol/cookie.ts";

const OLD = { id: "sess-old" };
const NEW = { id: "sess-new" };
const result = (cookie?: { id: string }) => ({
  content: [{ type: "text", text: "said" }],
  ...(cookie && { _meta: { "mcp/session": cookie } }),
});

/** A session that was lost, and begun again: by the bridge itself, or as another client's. */
function lostSession(again: (cookie: HeldCookie) => CookieChange) {
  const session = new HostSession(new MemoryJar(), { server: "s", profile: "p" }, () => {});
  session.slot.apply(created(OLD));
  session.slot.apply(lost(OLD));
  session.slot.apply(again(NEW));
  return session;
}

/** The texts of the host's result. */
function texts(session: HostSession, from: object, losses: number, carried?: string): string[] {
  const { content } = session.resultFor("tools/call", { ...from }, losses, carried);
  return Array.isArray(content) ? content.map(({ text }) => text) : [];
}

Deno.test("HostSession: takes the cookie out, and nothing else", () => {
  const session = new HostSession(new MemoryJar(), { server: "s", profile: "p" }, () => {});
  const _meta = { "mcp/session": OLD, "other/key": 1 };
  const got = session.resultFor("tools/call", { ...result(), _meta }, 0, OLD.id);
  assertEquals(got, { ...result(), _meta: { "other/key": 1 } });
  assertEquals(session.resultFor("tools/call", result(OLD), 0, OLD.id), result());
});

Deno.test("HostSession: tells of a loss once, and each call that came before it", () => {
  const session = lostSession(created);
  assertEquals(session.losses, 1);
  const listed = session.resultFor("tools/list", { tools: [] }, 1, NEW.id);
  assertEquals(listed, { tools: [] }, "only a model is told");
  const [notice = "", ...more] = texts(session, result(NEW), 1, NEW.id);
  assertMatch(notice, /is gone.*A new, empty session was started/);
  assertEquals(more, ["said"]);
  assertEquals(texts(session, result(NEW), 1, NEW.id), ["said"]);
  assertEquals(texts(session, result(NEW), 0, NEW.id), [notice, "said"]);
});

Deno.test("HostSession: tells of a new session that another client has begun", () => {
  const session = lostSession((cookie) => resumed(cookie, false));
  assertMatch(texts(session, result(NEW), 0, NEW.id)[0] ?? "", /begun a new one since/);
});

Deno.test("HostSession: a late result of the lost session is told only if it failed for that", () => {
  const session = lostSession(created);
  assertEquals(texts(session, result(), 0, OLD.id), ["said"]);
  const failed = { ...result(), isError: true };
  assertMatch(texts(session, failed, 0, OLD.id)[0] ?? "", /This call failed.*not made again/);
  assertEquals(texts(session, failed, 1, OLD.id), ["said"], "told already");
});
