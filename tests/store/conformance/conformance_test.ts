import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FileStore, KvStore, MemoryStore, openStore } from "../../../store/mod.ts";
import { testSessionStore } from "../../../store/conformance/mod.ts";

const warn = (message: string) => {
  throw new Error(`Nothing should be mended here: ${message}`);
};

const KV_SKIPS = [{
  reason: "it keeps its sessions only on disk, and does not count their bytes",
  cases: [
    "the states of all sessions have a limit of bytes",
    "the states of hidden sessions take no room from live ones",
  ],
}];

// Deno KV reads a remote's token only from the environment: this part runs in a process of its own.
const remote = Deno.env.get("TEST_KV_URL");
if (remote !== undefined) {
  testSessionStore("KvStore, remote", ({ folder, namespace, ...options }) => {
    // All tests share one remote.
    const test = folder.slice(-8);
    return openStore(`kv:${remote}`, { ...options, namespace: `${namespace}-${test}`, warn });
  }, { skip: KV_SKIPS });
} else {
  testSessionStore("MemoryStore", (options) => new MemoryStore(options), {
    skip: [{
      reason: "it is gone with its process, and no other is in the same place",
      cases: [
        "writes of one store are seen at once by another in the same place",
        "a store that is opened again has all that was written",
        "regenerate() and fork() are seen by other stores in the same place",
        "the limit of sessions counts those of all stores in one place, also when opened again",
      ],
    }],
  });
  testSessionStore(
    "FileStore",
    ({ folder, ...options }) => FileStore.open(`${folder}/sessions.jsonl`, { ...options, warn }),
  );
  testSessionStore("KvStore", async ({ folder, ...options }) => {
    const kv = await Deno.openKv(`${folder}/sessions.kv`);
    return new KvStore(kv, { ...options, closesKv: true });
  }, { skip: KV_SKIPS });

  Deno.test("testSessionStore: refuses to skip a case that does not exist", () => {
    const skip = [{ reason: "none", cases: ["no such case"] }];
    const open = () => new MemoryStore();
    assertThrows(() => testSessionStore("x", open, { skip }), TypeError, "no such case");
  });

  Deno.test("testSessionStore: fails stores that break a promise, and a stale skip", async () => {
    const fixture = new URL("../../fixtures/store/broken_stores.ts", import.meta.url);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", fixture.href],
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 1);
    const said = new TextDecoder().decode(stdout);
    const broken = {
      "forgets": ["entries() returns pages of the keys with a prefix"],
      "shares": ["arguments and results are copies"],
      "lenient": ["a value that JSON would change is refused"],
      "inattentive": ["a malformed result of a transaction's function is refused"],
      "particular": ["a value that JSON keeps is accepted"],
      "hasty": [
        "an expired session is back",
        "an expired session is retained as long again",
        "a new session keeps the alias that it took",
        "hidden sessions count in no quota",
        "the states of hidden sessions take no room",
      ],
      "hoarding": [
        "an expired session is retained as long again",
        "a new session with the id or the stateId of a hidden one",
        "hidden sessions count in no quota",
        "the states of hidden sessions take no room",
      ],
      "endless": ["a session that comes back still ends at endsAt"],
      "punctual": ["a hidden session keeps its last renewal"],
      "nostalgic": ["a new session keeps the alias that it took"],
      "stale skip": ["a session past its expiry is gone"],
    };
    for (const [name, promises] of Object.entries(broken)) {
      for (const promise of promises) {
        const begins = `${name}: ${promise}`.replaceAll(/[()]/g, "\\$&");
        assertMatch(said, new RegExp(`^${begins}.* FAILED`, "m"));
      }
    }
    assertMatch(said, /"a session past its expiry is gone" holds: take it out of what is skipped/);
  });
}
