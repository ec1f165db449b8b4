import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FileStore, KvStore, MemoryStore, openStore } from "../../../store/mod.ts";
import { testSessionStore } from "../../../store/conformance/mod.ts";

const warn = (message: string) => {
  throw new Error(`Nothing should be mended here: ${message}`);
};

const KV_SKIPS = [{
  reason: "it keeps its sessions on disk alone, and does not count their bytes",
  cases: [
    "all sessions of a store together hold as many bytes as the limit",
    "the states of hidden sessions take no room from those of live ones",
  ],
}];

// Deno KV reads a remote's token from the environment alone: that part runs in a process which has
// one, and nothing else does there.
const remote = Deno.env.get("TEST_KV_URL");
if (remote !== undefined) {
  testSessionStore("KvStore, remote", ({ folder, namespace, ...options }) => {
    // All tests of a remote are in one place.
    const test = folder.slice(-8);
    return openStore(`kv:${remote}`, { ...options, namespace: `${namespace}-${test}`, warn });
  }, { skip: KV_SKIPS });
} else {
  testSessionStore("MemoryStore", (options) => new MemoryStore(options), {
    skip: [{
      reason: "it is gone with its process, and no two are in one place",
      cases: [
        "what one store wrote, another on the same place sees at once",
        "what was written is there when it is opened again",
        "regenerate() and fork() are seen by every process, and by the next",
        "the sessions of all that use a store count together, and on when it is opened again",
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

  Deno.test("testSessionStore: turns red for stores that break a promise, and for a stale skip", async () => {
    const fixture = new URL("../../fixtures/store/broken_stores.ts", import.meta.url);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", fixture.href],
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 1);
    const said = new TextDecoder().decode(stdout);
    const broken = {
      "forgets": ["entries() gives pages of the keys with a prefix"],
      "shares": ["what goes in and what comes out are copies"],
      "lenient": ["a value that JSON would not give back as itself is refused"],
      "inattentive": ["what is no plain answer of a transaction's function is refused"],
      "particular": ["a value that JSON gives back as itself is kept"],
      "hasty": [
        "a session that expired is back",
        "a session is kept as long again as its own lifetime",
        "a new session keeps the alias that it took",
        "hidden sessions count in no quota",
        "the states of hidden sessions take no room",
      ],
      "hoarding": [
        "a session is kept as long again as its own lifetime",
        "a new session with the id or the stateId of a hidden one",
        "hidden sessions count in no quota",
        "the states of hidden sessions take no room",
      ],
      "endless": ["a session that comes back ends at endsAt"],
      "punctual": ["a hidden session lives on from where it was renewed to"],
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
