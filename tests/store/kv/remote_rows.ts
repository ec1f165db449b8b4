/** The rows' suite on a remote KV, also on one that loses answers: run by `remote_long_test.ts`. */
import { assert, assertEquals } from "@std/assert";
import { openKv } from "../../../store/kv/open_kv.ts";
import { KvRows } from "../../../store/kv/kv_rows.ts";
import { KvConnect } from "../../support/kv_connect/kv_connect.ts";
import { TOKEN } from "../../support/kv_connect/process.ts";
import { count, make, range, read } from "../../support/store/rows_cases.ts";
import { testRows } from "../../support/store/rows_suite.ts";

const warn = () => {};

/** Rows on an endpoint; both are closed with them. */
async function rowsOn(endpoint: KvConnect, namespace = "test") {
  const kv = await openKv(endpoint.url, { warn });
  return new KvRows(kv, { namespace, closesKv: true });
}

/** The endpoint of each test, by its folder, with the rows that use it. */
const endpoints = new Map<string, { readonly endpoint: KvConnect; users: number }>();

for (const every of [Infinity, 9]) {
  const name = every === Infinity ? "KvRows, remote" : "KvRows, remote that loses answers";
  testRows(name, async ({ folder, namespace }) => {
    const shared = endpoints.get(folder) ?? { endpoint: losing(every), users: 0 };
    endpoints.set(folder, shared);
    shared.users++;
    const rows = await rowsOn(shared.endpoint, namespace);
    let closing: Promise<void> | undefined;
    return {
      read: (want) => rows.read(want),
      commit: (commit) => rows.commit(commit),
      checkWritable: () => rows.checkWritable(),
      close: async () => {
        closing ??= rows.close().then(async () => {
          if (--shared.users === 0) await shared.endpoint[Symbol.asyncDispose]();
        });
        await closing;
      },
    };
  });
}

/** An endpoint that loses one of so many answers to writes. */
function losing(every: number): KvConnect {
  const endpoint = new KvConnect({ token: TOKEN });
  let writes = 0;
  endpoint.fault = (call) => call === "atomic_write" && ++writes % every === 0 ? "lose" : undefined;
  return endpoint;
}

Deno.test("KvRows, remote: what is counted by commits whose answers were lost is counted once", async () => {
  await using endpoint = new KvConnect({ token: TOKEN });
  const rows = await rowsOn(endpoint);
  let writes = 0;
  let lost = 0;
  endpoint.fault = (call) => {
    if (call !== "atomic_write" || writes++ % 2 > 0) return undefined;
    lost++;
    return "lose";
  };
  for (let n = 1; n <= 10; n++) {
    // Nothing but the count, and then with a row that each replaces.
    await make(rows, { counts: [{ name: "c", by: 1 }, { name: "d", by: -1 }] });
  }
  let version: string | null = null;
  for (let n = 1; n <= 5; n++) {
    version = await make(rows, {
      checks: [[["s", "a"], version]],
      sets: [[["s", "a"], `${n}`]],
      counts: [{ name: "c", by: 10 }],
    });
  }
  await make(rows, { checks: [[["s", "a"], version]], deletes: [["s", "a"]], drop: "v" });
  assert(lost >= 16, `${lost} answers were lost`);
  assertEquals((await read(rows, { counts: ["c", "d"] })).counts, [60, -10]);
  // Many at once, which go together.
  await Promise.all(range(60, (n) =>
    make(rows, {
      checks: [[["s", `${n}`], null]],
      sets: [[["s", `${n}`], "x"]],
      counts: [{ name: "e", by: 1 }],
    })));
  assertEquals(await count(rows, "e"), 60);
  endpoint.fault = () => undefined;
  await rows.close();
});
