import { assertEquals } from "@std/assert";
import { testStoreInspector } from "../../../store/conformance/mod.ts";
import { failures } from "../../support/store/broken.ts";
import { MemoryStore, openInspector, openStore } from "../../../store/mod.ts";

const stores = new Map<string, MemoryStore>();

testStoreInspector("MemoryStore inspector", {
  open: ({ folder, ...options }) => {
    const store = new MemoryStore(options);
    stores.set(folder, store);
    return store;
  },
  inspect: ({ folder }) => stores.get(folder)!.inspector("test"),
}, {
  skip: [{
    reason: "it has the sessions of one server",
    cases: ["servers() has each server with sessions, by name"],
  }],
});

for (const [scheme, name] of [["file", "x.jsonl"], ["sqlite", "x.db"], ["kv", "x.kv"]]) {
  testStoreInspector(`openInspector("${scheme}:…")`, {
    open: ({ folder, ...options }) => openStore(`${scheme}:${folder}/${name}`, options),
    inspect: ({ folder, now }) => openInspector(`${scheme}:${folder}/${name}`, { now }),
  });
}

Deno.test("testStoreInspector: fails inspectors that break a promise, and no other", async () => {
  const said = await failures("broken/inspectors", {
    "late": [
      "servers() counts live sessions",
      "owners() counts each owner's live sessions",
      "entries() has no state of a session that has ended",
    ],
    "tidying": ["inspecting drops nothing"],
    "copying": [
      "what is written is seen by an inspector that was open before",
      "servers() has each server with sessions",
    ],
    "revealing": ["sessions() is by age, of all owners or of one"],
    "collating": ["owners() is in byte order, in pages"],
    "counting": ["sessions() in pages has each session once that stays"],
    "joining": ["servers() has each server with sessions"],
    "careless": [
      "sessions() has each record as the store has it, and its bytes",
      "entries() has a state in pages",
    ],
    "open": ["an inspector refuses what is malformed, and everything once it is closed"],
  });
  assertEquals(said.match(/^shared: .* FAILED/gm), null);
});
