import { assertEquals } from "@std/assert";
import { TextIndex } from "../../../store/table/text_index.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { Random } from "../../support/random.ts";
import { put, record } from "../../support/store/stores.ts";

Deno.test("TextIndex: behaves like a Map, also with colliding hashes", () => {
  // "Aa" and "BB" have one hash, and so have all texts that are made of as many of them.
  const texts = ["", "Aa", "BB", "AaAa", "AaBB", "BBAa", "BBBB", "another"];
  const index = new TextIndex<{ readonly text: string }>(({ text }) => text);
  const map = new Map<string, { readonly text: string }>();
  const random = new Random(1);
  for (let step = 0; step < 5000; step++) {
    const text = random.pick(texts);
    if (random.below(3) === 0) {
      index.delete(text);
      map.delete(text);
    } else {
      const item = { text };
      index.set(text, item);
      map.set(text, item);
    }
    assertEquals(index.size, map.size);
    for (const text of texts) assertEquals(index.get(text) === map.get(text), true, text);
    assertEquals(new Set(index.values()), new Set(map.values()));
  }
});

Deno.test("MemoryStore: tells sessions apart whose ids have the same hash", async () => {
  await using store = new MemoryStore({ now: () => 0 });
  for (const id of ["AaAa", "AaBB", "BBAa"]) {
    await store.create(record(id, { stateId: id }));
    await put(store, id, ["id", id]);
  }
  await store.delete("AaBB");
  assertEquals(await store.get("AaBB"), undefined);
  assertEquals(await store.get("BBBB"), undefined);
  for (const id of ["AaAa", "BBAa"]) {
    assertEquals((await store.get(id))?.id, id);
    assertEquals(await store.entries(id, { limit: 1 }), [["id", id]]);
  }
  assertEquals((await store.list({ owner: null, limit: 9 })).length, 2);
});
