import { testStoreInspector } from "../../../store/conformance/mod.ts";
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
