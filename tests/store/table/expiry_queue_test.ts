import { assert, assertEquals } from "@std/assert";
import { ExpiryQueue } from "../../../store/table/expiry_queue.ts";
import { Random } from "../../support/random.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { record, refused } from "../../support/store/stores.ts";

Deno.test("ExpiryQueue: finds the same as a scan of all items, earliest first", () => {
  interface Item {
    record: { expiresAt: number };
    dropped: boolean;
  }
  const random = new Random(1);
  const items: Item[] = [];
  const queue = new ExpiryQueue<Item>([], ({ dropped }) => !dropped);
  let found = 0;
  for (let now = 0; now < 3000; now++) {
    const item = { record: { expiresAt: now + random.below(200) }, dropped: false };
    items.push(item);
    queue.add(item);
    const other = items[random.below(items.length)]!;
    if (random.below(2) === 0) {
      other.record = { expiresAt: other.record.expiresAt + random.below(300) };
    }
    if (random.below(4) === 0) other.dropped = true;
    // A dropped item may come back, if the drop could not be written.
    else if (other.dropped) {
      other.dropped = false;
      queue.add(other);
    }
    const expired = items.filter(({ dropped, record }) => !dropped && record.expiresAt <= now);
    const times = expired.map(({ record }) => record.expiresAt).sort((a, b) => a - b);
    assertEquals([...queue.expired(now)].map(({ record }) => record.expiresAt), times);
    const some: Item[] = [];
    for (const item of queue.expired(now)) if (some.push(item) === 3) break;
    assertEquals(some.length, Math.min(3, expired.length));
    for (const item of some) {
      assert(expired.includes(item));
      item.dropped = random.below(2) === 0;
      found++;
    }
  }
  assert(found > 3000, `${found}`);
});

Deno.test("MemoryStore: a full store accepts one session for each that expires", async () => {
  const clock = { now: 0 };
  await using store = new MemoryStore({ now: () => clock.now, limits: { sessions: 1000 } });
  const create = (i: number, lifetime: number) =>
    store.create(record(`sess-${i}`, { expiresAt: clock.now + lifetime }));
  // One expires in each millisecond, in another order than they were created.
  for (let i = 0; i < 1000; i++) await create(i, 1 + (i * 7) % 1000);
  const refuses = async () => {
    await refused("full", () => create(-1, 10));
  };
  await refuses();
  // The first thousand expire, and then their successors.
  for (let i = 1000; i < 3000; i++) {
    clock.now++;
    await create(i, 1000);
    await refuses();
  }
  for (let i = 2000; i < 3000; i += 2) await store.delete(`sess-${i}`);
  for (let i = 3000; i < 3500; i++) await create(i, 1000);
  await refuses();
});
