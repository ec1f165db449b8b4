import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FileStore, KvStore, MemoryStore, openStore } from "../../../store/mod.ts";
import { SqliteStore } from "../../../store/sqlite/mod.ts";
import { testSessionStore } from "../../../store/conformance/mod.ts";
import { MEMORY_SKIPS } from "../../fixtures/package/memory_skips.ts";
import { failures } from "../../support/store/broken.ts";

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
    skip: MEMORY_SKIPS,
  });
  testSessionStore(
    "FileStore",
    ({ folder, ...options }) => FileStore.open(`${folder}/sessions.jsonl`, { ...options, warn }),
  );
  testSessionStore("KvStore", async ({ folder, ...options }) => {
    const kv = await Deno.openKv(`${folder}/sessions.kv`);
    return new KvStore(kv, { ...options, warn, closesKv: true });
  }, { skip: KV_SKIPS });
  testSessionStore(
    "KvStore, in a file",
    ({ folder, ...options }) => openStore(`kv:${folder}/sessions.kv`, { ...options, warn }),
    { skip: KV_SKIPS },
  );

  testSessionStore(
    "SqliteStore",
    ({ folder, ...options }) => SqliteStore.open(`${folder}/sessions.db`, { ...options, warn }),
  );

  Deno.test("testSessionStore: refuses to skip a case that does not exist", () => {
    const skip = [{ reason: "none", cases: ["no such case"] }];
    const open = () => new MemoryStore();
    assertThrows(() => testSessionStore("x", open, { skip }), TypeError, "no such case");
  });

  Deno.test("testSessionStore: fails stores that break a promise, and a stale skip", async () => {
    const said = await failures("broken/stores", {
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
      "trying": ["checkWritable() resolves, and changes nothing"],
      "nostalgic": ["a new session keeps the alias that it took"],
      "stale skip": ["a session past its expiry is gone"],
    });
    assertMatch(said, /"a session past its expiry is gone" holds: take it out of what is skipped/);
  });

  Deno.test("testSessionStore: fails stores that break a promise to others in one place", async () => {
    const said = await failures("broken/places", {
      "estimating": ["toolCalls are told to callers once each"],
      "caching": ["what one store has acknowledged is never missed by another"],
      "remembering": [
        "what one store has acknowledged is never missed by another",
        "a session that another store has ended or replaced is not taken for the same",
      ],
      "lagging": ["reads during writes through another store go on, and never back"],
      "collating": [
        "keys with NUL, U+FEFF and the last planes are in byte order",
        "entries() begins after a key",
      ],
      "counting": [
        "entries() in pages have each key once that stays, while other stores write",
        "list() in pages has each session once that stays, while other stores write",
      ],
      "unguarded": [
        "create() under one alias by many stores at once",
        "create() with one id or stateId by many stores at once",
      ],
      "piecemeal": [
        "regenerate() among writes through other stores loses nothing",
        "regenerate() by many stores at once gives a session one new id",
        "fork() among writes through other stores copies one moment",
      ],
      "reviving": ["delete() among writes through other stores ends the session for all"],
      "terminating": ["keys with odd characters are read, written and deleted apart"],
      "joining": ["an owner and an alias are two names, however they are joined"],
      "trimming": [
        "sessions whose names have odd characters stay apart",
        "servers whose names have odd characters don't see each other's sessions",
      ],
    });
    // What these are made of breaks none, but that it is not closed.
    const [closed, ...more] = said.match(/^shared: .* FAILED/gm) ?? [];
    assertMatch(closed ?? "", /^shared: a closed store refuses everything/);
    assertEquals(more, []);
  });
}
