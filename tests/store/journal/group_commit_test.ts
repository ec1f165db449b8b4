import { assertEquals } from "@std/assert";
import { FileStore } from "../../../store/mod.ts";
import { forEver, put, record, test, wrapped } from "../../support/store/stores.ts";

test("FileStore: group commit: all writes that come during an fsync share the next one", async ({ path }) => {
  const log: string[] = [];
  let begun = Promise.withResolvers<void>();
  let held = Promise.resolve();
  const wrap = (file: Deno.FsFile) =>
    wrapped(file, {
      writeSync(bytes) {
        const keys = new TextDecoder().decode(bytes).matchAll(/\["(k\d)",/g);
        log.push(`write ${Array.from(keys, ([, key]) => key).join(" ")}`);
        return file.writeSync(bytes);
      },
      async syncData() {
        log.push("fsync");
        begun.resolve();
        await held;
        await file.syncData();
      },
    });
  await using store = await FileStore.open(path, { namespace: "test", wrap });
  await store.create(record("sess-1", forEver));
  const done = Promise.withResolvers<void>();
  held = done.promise;
  begun = Promise.withResolvers();
  log.length = 0;
  const write = (i: number) => put(store, "sess-1", [`k${i}`, i]);
  const first = [write(0), write(1)];
  await begun.promise;
  const later = [write(2), write(3), write(4)];
  done.resolve();
  await Promise.all([...first, ...later]);
  assertEquals(log, ["write k0 k1", "fsync", "write k2 k3 k4", "fsync"]);
});
