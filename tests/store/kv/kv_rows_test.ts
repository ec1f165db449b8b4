import { KvRows } from "../../../store/kv/kv_rows.ts";
import { openKv } from "../../../store/kv/open_kv.ts";
import { testRows } from "../../support/store/rows_suite.ts";

testRows("KvRows", async ({ folder, namespace }) => {
  const kv = await Deno.openKv(`${folder}/sessions.kv`);
  return new KvRows(kv, { namespace, closesKv: true });
});

// Of this one it is known that no commit is sent again, and that many go together.
testRows("KvRows, in a file", async ({ folder, namespace }) => {
  const kv = await openKv(`${folder}/sessions.kv`, { warn: () => {} });
  return new KvRows(kv, { namespace, closesKv: true });
});
