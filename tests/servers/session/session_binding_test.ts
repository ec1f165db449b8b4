import { assert, assertEquals, assertThrows } from "@std/assert";
import type { AuthInfo, SessionBindingOptions } from "../../../servers/base/mod.ts";
import { SessionBinder } from "../../../servers/base/session/session_binding.ts";
import { ownerOf } from "../../../servers/base/session/session_owner.ts";

type Options = SessionBindingOptions & { readonly local: boolean };

const ALICE: AuthInfo = { token: "secret", clientId: "alice", scopes: [] };
const ID = "claude-1";
const HASH = "c26af0e36be6301610f3847e4cb3dc0b1b9203572eb978d1036c818b94bf7c17";
const THREAD = "conversation:d76419c4d265023e4532a757170d20f7382583f561ea22aba569378985affdc9";
const all = { sessionName: "desk", hostSessionId: ID, local: true };
const http = { sessionName: "desk", local: false };
const host = (variable: string) => ({ hostSessionId: { variable, id: ID }, local: true });
const thread = { threadId: "t" };

// These aliases stand in stores: a session is found again by its alias alone.
Deno.test.each<
  readonly [options: Options, meta: object, caller: AuthInfo | undefined, alias: unknown]
>([
  [all, thread, undefined, THREAD],
  [all, {}, undefined, "name:desk"],
  [all, { threadId: {} }, undefined, undefined],
  [{ ...all, sessionName: undefined }, {}, undefined, `environment:${HASH}`],
  [{ ...all, sessionName: () => undefined }, {}, undefined, `environment:${HASH}`],
  [{ ...all, conversationKeys: [] }, thread, undefined, "name:desk"],
  [{ ...all, conversationKeys: ["room"] }, thread, undefined, "name:desk"],
  [{ ...all, conversationKeys: ["threadId"] }, thread, undefined, THREAD],
  [http, thread, undefined, undefined],
  [http, thread, ALICE, THREAD],
  [http, {}, undefined, undefined],
  [http, {}, ALICE, "name:desk"],
  [{ sessionName: (caller) => caller?.clientId, local: false }, {}, ALICE, "name:alice"],
  [host("CLAUDE_CODE_SESSION_ID"), {}, undefined, `environment:${HASH}`],
  [host("GROK_SESSION_ID"), {}, undefined, `environment:GROK_SESSION_ID:${HASH}`],
  [host("MY_OWN"), {}, undefined, `environment:MY_OWN:${HASH}`],
])("SessionBinder: %j binds %j of %o to %s", (options, _meta, caller, alias) => {
  const binder = new SessionBinder(options);
  const extra = caller && { authInfo: caller };
  const binding = binder.bindingOf({ _meta }, ownerOf(caller), extra);
  assertEquals(binding?.alias, alias);
  assertEquals(binder.isBound({ _meta }, extra), alias !== undefined);
});

Deno.test("SessionBinder: ignores the conversation of anonymous callers alone", () => {
  const ignores = (local: boolean, owner: string | null, _meta: object) =>
    new SessionBinder({ local }).ignoresConversation({ _meta }, owner);
  assert(ignores(false, null, thread));
  assert(!ignores(false, null, {}));
  assert(!ignores(false, null, { threadId: {} }));
  assert(!ignores(false, ownerOf(ALICE), thread));
  assert(!ignores(true, null, thread));
});

Deno.test("SessionBinder: refuses an invalid name, and a host's id without local", () => {
  // As from a program that is not type-checked.
  const binder = (options: object) => new SessionBinder({ local: false, ...options });
  for (const hostSessionId of ["host", { variable: "MY_OWN", id: "host" }]) {
    assertThrows(() => binder({ hostSessionId }), TypeError, "local");
    binder({ hostSessionId, local: true });
  }
  for (const sessionName of ["", "x".repeat(257), "\ud800", null, 7]) {
    for (const local of [true, false]) {
      assertThrows(() => binder({ sessionName, local }), TypeError, "sessionName");
    }
  }
});
