/** `/livez`, `/healthz` and `/readyz`: who may ask, what is told, and what it costs the store. */

import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { HealthChecks } from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";
import { RowStore } from "../../../store/rows/row_store.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { startServer } from "../../support/servers/server.ts";
import { tokensFile } from "../../support/servers/tokens.ts";
import { MemoryPlace, MemoryRows } from "../../support/store/memory_rows.ts";
import { Fixture } from "../../support/store/processes.ts";
import { until } from "../../support/until.ts";
import { namesIn, tempFolder } from "../../support/store/stores.ts";

const PATHS = ["/livez", "/healthz", "/readyz"];

/** The status and text of a health check. */
async function health(base: string, path: string): Promise<[number, string]> {
  const response = await fetch(new URL(path, base));
  return [response.status, await response.text()];
}

const ready = (base: string) => health(base, "/readyz");

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`health checks ${flags}: need no token, no known Host and no known Origin, and tell nothing more`, async () => {
    await using tokens = await tokensFile({ "a-token": "alice" });
    const all = [...flags, ...tokens.flags];
    await using server = await startServer({ server: "session", transport: "http", flags: all });
    for (const path of PATHS) {
      for (const target of [path, `${path}?verbose`]) {
        using connection = await RawConnection.open(server.url);
        const headers = { host: "10.1.2.3:8765", origin: "https://other.example.com" };
        await connection.request(`GET ${target}`, "", headers);
        const [head = "", body] = (await connection.response()).split("\r\n\r\n");
        const [status, ...lines] = head.toLowerCase().split("\r\n");
        assertEquals([status, body], ["http/1.1 200 ok", "ok"]);
        assertEquals(lines.filter((line) => !line.startsWith("date: ")).sort(), [
          "cache-control: no-store",
          "content-length: 2",
          "content-type: text/plain",
        ]);
      }
    }
  });
}

Deno.test("health checks: take GET and HEAD alone, and no path but their own", async () => {
  await using server = await startServer({ server: "session", transport: "http" });
  for (const path of PATHS) {
    const url = new URL(path, server.url);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await fetch(url, { method, ...(method === "POST" && { body: "{}" }) });
      assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
      await response.text();
    }
    const head = await fetch(url, { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
    for (const other of [`${path}/`, path.toUpperCase(), `/mcp${path}`, `${path}x`]) {
      assertEquals((await health(server.url, other))[0], 404, other);
    }
  }
  // The guard of hosts stands before all else as ever.
  using connection = await RawConnection.open(server.url);
  await connection.request("GET /mcp", "", { host: "10.1.2.3:8765" });
  assertMatch(await connection.response(), /^HTTP\/1.1 403 /);
});

/** A store whose checks wait until they are let go on, or are refused. */
class HeldStore extends MemoryStore {
  readonly held: PromiseWithResolvers<void>[] = [];
  override checkWritable: MemoryStore["checkWritable"] = async () => {
    const held = Promise.withResolvers<void>();
    this.held.push(held);
    await held.promise;
  };
}

Deno.test("/readyz: a flood costs the store one operation at a time, however long that takes", async () => {
  const store = new HeldStore();
  const told: string[] = [];
  const checks = new HealthChecks({ store, warn: (message) => void told.push(message) });
  const ask = async (path: string) => {
    const response = await checks.respond(new Request(`http://10.1.2.3${path}`));
    return [response?.status, await response?.text()];
  };
  const flood = () => Promise.all(Array.from({ length: 1000 }, () => ask("/readyz")));
  const texts = (answers: unknown[][]) => [...new Set(answers.map((answer) => answer.join(" ")))];

  const quick = flood();
  assertEquals(store.held.length, 1);
  store.held[0]?.resolve();
  assertEquals(texts(await quick), ["200 ok"]);

  // It does not answer: those who come later wait for the same operation.
  assertEquals(texts(await flood()), ["503 store"]);
  assertEquals(texts(await flood()), ["503 store"]);
  assertEquals(store.held.length, 2);
  assertEquals(await ask("/livez"), [200, "ok"]);
  const late = flood();
  store.held[1]?.resolve();
  assertEquals(texts(await late), ["200 ok"]);

  const refused = flood();
  assertEquals(store.held.length, 3);
  store.held[2]?.reject(new Error("the disk is gone"));
  assertEquals(texts(await refused), ["503 store"]);
  assertEquals(told, [
    "not ready: the store has not answered within 0.5 seconds",
    "ready again",
    "not ready: the disk is gone",
  ]);

  const stopped = flood();
  checks.stop();
  store.held[3]?.resolve();
  assertEquals(texts(await stopped), ["503 stopping"]);
  assertEquals(await ask("/readyz"), [503, "stopping"]);
  assertEquals(await ask("/healthz"), [200, "ok"]);
  assertEquals(store.held.length, 4);
});

Deno.test("/readyz: asks a database each time, and commits nothing", async () => {
  class CountedRows extends MemoryRows {
    checks = 0;
    override checkWritable: MemoryRows["checkWritable"] = () => {
      this.checks++;
      return super.checkWritable();
    };
  }
  const rows = new CountedRows(new MemoryPlace());
  await using store = new RowStore({ name: "Rows", rows, countsBytes: true }, {});
  const checks = new HealthChecks({ store });
  for (let asked = 1; asked <= 3; asked++) {
    const response = await checks.respond(new Request("http://10.1.2.3/readyz"));
    assertEquals(await response?.text(), "ok");
    assertEquals([rows.checks, rows.place.changes], [asked, 0]);
  }
});

for (const scheme of ["file", "sqlite", "kv"]) {
  Deno.test(`/readyz on ${scheme}: writes nothing`, async () => {
    await using folder = await tempFolder();
    const store = `${scheme}:${folder.path}/sessions`;
    const options = { server: "notebook", transport: "http", store } as const;
    const first = await startServer(options);
    const cookie = await first.create();
    await first.toolResult("notebook_append", { text: "one" }, cookie);
    assertEquals(await first.stop(), 0);

    await using server = await startServer(options);
    assertEquals(await ready(server.url), [200, "ok"]);
    const before = await contents(folder.path);
    for (let asked = 0; asked < 50; asked++) await ready(server.url);
    assertEquals(await contents(folder.path), before);
    await server.toolResult("notebook_append", { text: "two" }, cookie);
    assertNotEquals(await contents(folder.path), before, "a write can be seen");
  });
}

Deno.test("/readyz on sqlite: store while another has the lock of a write", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/sessions`;
  const options = { server: "session", transport: "http", store: `sqlite:${path}` } as const;
  await using server = await startServer(options);
  await server.create();
  assertEquals(await ready(server.url), [200, "ok"]);
  using other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  for (let asked = 0; asked < 2; asked++) assertEquals(await ready(server.url), [503, "store"]);
  other.exec("COMMIT");
  await until(() => ready(server.url), ([status]) => status === 200);
  await server.create();
});

/** What the files in a folder hold, but for what SQLite shares between processes. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = namesIn(folder).filter((name) => !name.endsWith("-shm"));
  const texts = names.map(async (name): Promise<[string, string]> => {
    return [name, (await Deno.readFile(`${folder}/${name}`)).toHex()];
  });
  return Object.fromEntries(await Promise.all(texts));
}

Deno.test({
  name: "/readyz on a file whose lock a stopped process holds: store, and ok once it goes on",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    const path = `${folder.path}/sessions.jsonl`;
    const options = { server: "session", transport: "http", store: `file:${path}` } as const;
    await using server = await startServer(options);
    assertEquals(await ready(server.url), [200, "ok"]);
    await using holder = new Fixture("holder", `${path}.lock`);
    assertEquals((await holder.lines.next()).value, "held");
    holder.signal("SIGSTOP");
    for (let asked = 0; asked < 2; asked++) {
      assertEquals(await ready(server.url), [503, "store"]);
      assertEquals(await health(server.url, "/livez"), [200, "ok"]);
    }
    holder.signal("SIGCONT");
    assertEquals((await holder.lines.next()).value, "released");
    await until(() => ready(server.url), ([status]) => status === 200);
    const told = server.stderr.filter((line) => /ready/.test(line));
    assertEquals(told.length, 2);
    assertMatch(told[0] ?? "", /: warn: not ready: the store has not answered within 0.5 seconds$/);
    assertMatch(told[1] ?? "", /: warn: ready again$/);
  },
});
