import { assertEquals } from "@std/assert";
import { SessionPanel } from "../../../client/demo/session_panel.ts";

const capability = { version: 2, features: ["create"] } as const;

Deno.test("SessionPanel: changes() gives each client's changes, and nothing twice", () => {
  const panel = new SessionPanel();
  const changes = (profile: string, cookie?: { id: string; expiry?: string }) =>
    panel.changes({ profile, capability, cookie });
  const expiry = new Date(Date.now() + 7 * 86_400_000).toISOString();
  const a = { id: "sess-0123456789abcdef", expiry, data: { title: "anna" } };
  const b = { id: "sess-b" };
  assertEquals(changes("anna", a), [
    "capability session v2: create",
    "session sess-01234567 (anna) expires in 7 days",
  ]);
  assertEquals(changes("ben", b), ["session ses with expiry none"]);
  assertEquals(changes("anna", a), []);
  const later = new Date(Date.parse(expiry) + 1_500).toISOString();
  assertEquals(changes("anna", { ...a, expiry: later }), ["expiry moved by 1.5 s"]);
  assertEquals(changes("anna"), ["session none"]);
  assertEquals(changes("ben", b), []);
  panel.reset();
  assertEquals(changes("ben", b), ["session ses with expiry none"]);
});
