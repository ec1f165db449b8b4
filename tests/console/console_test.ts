/** The console over HTTP: who gets in, what the pages show, and what they change. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Hono } from "hono";
import { Access } from "../../console/access.ts";
import { openStore, type SessionRecord } from "../../store/mod.ts";
import { failedConsole, type RunningConsole, startConsole } from "../support/console/console.ts";
import { plant, type Seed, seedRecord } from "../support/console/seeds.ts";
import { startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const BIDI = "invoice\u202egpj.exe\u2066\u200b";
const SCRIPT = "<script>document.title='gone'</script>";

interface Visit {
  readonly console: RunningConsole;
  readonly sessions: readonly SessionRecord[];
  readonly cookie: string;
  /** The file store's URL. */
  readonly store: string;
  get(
    path: string,
    init?: RequestInit & { client?: Deno.HttpClient },
  ): Promise<{ status: number; text: string }>;
  post(path: string, headers?: Record<string, string>): Promise<{ status: number; text: string }>;
}

/** Registers a test with a console on a file store, and a browser that has come in. */
function visitTest(name: string, seeds: readonly Seed[], run: (visit: Visit) => Promise<void>) {
  Deno.test(`console: ${name}`, async () => {
    await using folder = await tempFolder();
    const store = `file:${folder.path}/sessions.jsonl`;
    const sessions = await plant(store, "notebook", seeds);
    await using console = await startConsole(store);
    const cookie = await console.enter();
    const get: Visit["get"] = async (path, init = {}) => {
      const response = await fetch(new URL(path, console.origin), {
        ...init,
        headers: { cookie, ...init.headers },
      });
      return { status: response.status, text: await response.text() };
    };
    const post = (path: string, headers: Record<string, string> = { origin: console.origin }) =>
      get(path, { method: "POST", headers });
    await run({ console, cookie, sessions, store, get, post });
  });
}

const pathOf = ({ stateId }: SessionRecord) => `/sessions/notebook/${stateId}`;
const titlesIn = (page: string) =>
  Array.from(page.matchAll(/<tr [^>]*data-title="([^"]*)"/g), ([, title]) => title);

visitTest("shows nothing without the link's cookie", [{ title: "Shopping" }], async (visit) => {
  const { console, sessions: [session] } = visit;
  for (const path of ["/", "/live", pathOf(session!), "/?token=0", "/nowhere"]) {
    for (const cookie of ["", `mcp-sessions-console-${new URL(console.origin).port}=0`]) {
      const response = await fetch(new URL(path, console.origin), { headers: { cookie } });
      const text = await response.text();
      assertEquals(response.status, 401, path);
      assert(!text.includes("Shopping") && !text.includes("notebook"), text);
    }
  }
  const response = await fetch(`${console.origin}${pathOf(session!)}/end`, {
    method: "POST",
    headers: { origin: console.origin },
  });
  assertEquals(response.status, 401);
  await response.body?.cancel();
  assertEquals(titlesIn((await visit.get("/")).text), ["Shopping"]);
});

Deno.test("console: its link opens once, and leaves a cookie of its port", async () => {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/sessions.jsonl`;
  await plant(store, "notebook", [{ title: "Shopping" }]);
  await using console = await startConsole(store);
  assertEquals(new URL(console.origin).hostname, "127.0.0.1");
  const open = () => fetch(console.link, { redirect: "manual" });
  const first = await open();
  await first.body?.cancel();
  const { port } = new URL(console.origin);
  const cookie = new RegExp(
    `^mcp-sessions-console-${port}=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict$`,
  );
  assertMatch(first.headers.get("set-cookie") ?? "", cookie);
  const second = await open();
  await second.body?.cancel();
  assertEquals(second.headers.get("set-cookie"), null);
  const page = await fetch(console.link);
  assertEquals(page.status, 401);
  assert(!(await page.text()).includes("Shopping"));
});

visitTest("answers to its own Host only", [{ title: "Shopping" }], async ({ console, get }) => {
  const { port } = new URL(console.origin);
  using client = Deno.createHttpClient({ allowHost: true });
  const hosts = [
    "rebound.example.org",
    `rebound.example.org:${port}`,
    "127.0.0.1",
    `[::1]:${port}`,
  ];
  for (const host of hosts) {
    const { status, text } = await get("/", { headers: { host }, client });
    assertEquals(status, 403, host);
    assert(!text.includes("Shopping"));
  }
  assertEquals((await get("/", { headers: { host: `localhost:${port}` }, client })).status, 200);
});

visitTest(
  "changes nothing for a page of another origin",
  [{ title: "Shopping" }],
  async (visit) => {
    const { sessions: [session], get, post } = visit;
    const foreign = ["http://127.0.0.1:1", "https://example.org", "null"];
    for (const action of ["end", "fork"]) {
      for (const headers of [{}, ...foreign.map((origin) => ({ origin }))]) {
        for (const type of ["text/plain", "application/json"]) {
          const path = `${pathOf(session!)}/${action}`;
          assertEquals((await post(path, { "content-type": type, ...headers })).status, 403);
        }
      }
      // Changes are never made by a link.
      assertEquals((await get(`${pathOf(session!)}/${action}`)).status, 404);
    }
    assertEquals(titlesIn((await get("/")).text), ["Shopping"]);
  },
);

visitTest("lets no page run, frame, embed or keep what it sends", [], async ({ console, get }) => {
  for (const path of ["/", "/nowhere", "/assets/console.js", "/assets/console.css"]) {
    const response = await fetch(new URL(path, console.origin));
    const { headers } = response;
    const policy = headers.get("content-security-policy") ?? "";
    assertMatch(policy, /^default-src 'none'; /);
    assertStringIncludes(policy, "frame-ancestors 'none'");
    assert(!policy.includes("unsafe"));
    assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
    assertEquals(headers.get("cache-control"), "no-store");
    await response.body?.cancel();
  }
  const { text } = await get("/");
  assert(!/<script(?! type="module" src="\/assets\/console\.js")|\sstyle=|\son\w+=/.test(text));
});

const LEAKY = `sess-${"5e".repeat(16)}`;
visitTest("shows what others wrote as text, and no session id anywhere", [{
  title: `${SCRIPT} ${LEAKY}`,
  owner: JSON.stringify(["https://id.example.com", "app", `<b>ann</b>\u202e`]),
  data: { note: `${LEAKY}\u202e`, "<i>": "&" },
  state: {
    [`key ${LEAKY}\u202e`]: { handle: LEAKY, html: "</pre><script>" },
    long: LEAKY.repeat(50),
  },
}, { title: BIDI, alias: "conversation:0000" }], async (visit) => {
  const { sessions, get } = visit;
  const pages = ["/", ...sessions.map(pathOf), `${pathOf(sessions[0]!)}?prefix=key`];
  for (const path of pages) {
    const { status, text } = await get(path);
    assertEquals(status, 200);
    assert(!/[\p{Cf}]/u.test(text), `${path} has a character that hides or turns text`);
    assert(!text.includes("<b>") && !text.includes("<script>") && !text.includes("<i>"), text);
    for (const id of [LEAKY, ...sessions.map(({ id }) => id)]) assert(!text.includes(id), path);
  }
  const titles = titlesIn((await get("/")).text);
  assertEquals(titles[0], "invoicegpj.exe");
});

visitTest("ends a session for good", [{ title: "Shopping" }, { title: "Trip" }], async (visit) => {
  const { sessions: [shopping, trip], store, get, post } = visit;
  // The list is read again only later: it must forget the session at once.
  assertEquals(titlesIn((await get("/")).text), ["Trip", "Shopping"]);
  const ended = await post(`${pathOf(shopping!)}/end`);
  assertEquals(ended, { status: 200, text: '{"said":"Session ended."}' });
  assertEquals(titlesIn((await get("/")).text), ["Trip"]);
  assertEquals((await get(pathOf(shopping!))).status, 404);
  assertStringIncludes((await post(`${pathOf(shopping!)}/end`)).text, "ended already");
  await using notebook = await openStore(store, { namespace: "notebook" });
  assertEquals(await notebook.get(shopping!.id), undefined);
  assertEquals(await notebook.get(trip!.id), trip);
});

visitTest(
  "ends sessions of one server and another in turn",
  [{ title: "A" }, { title: "B" }],
  async (visit) => {
    const { sessions, store, get, post } = visit;
    const others = await plant(store, "hashcheck", [{ title: "C" }, { title: "D" }]);
    const pathIn = (server: string, { stateId }: SessionRecord) => `/sessions/${server}/${stateId}`;
    const paths = [
      pathIn("notebook", sessions[0]!),
      pathIn("hashcheck", others[0]!),
      pathIn("notebook", sessions[1]!),
      pathIn("hashcheck", others[1]!),
    ];
    const ended = await Promise.all(paths.map((path) => post(`${path}/end`)));
    assertEquals(ended.map(({ status }) => status), [200, 200, 200, 200]);
    for (const path of paths) assertEquals((await get(path)).status, 404);
    // No server has a session of another's name.
    assertEquals((await get(pathIn("cart", sessions[0]!))).status, 404);
  },
);

visitTest("forks a session: its state and owner, under another id", [
  { title: "Trip", owner: "ann", alias: "conversation:1", state: { to: "Lisbon" }, toolCalls: 7 },
], async ({ sessions: [trip], store, get, post }) => {
  const { to } = JSON.parse((await post(`${pathOf(trip!)}/fork`)).text);
  const page = await get(to);
  assertEquals(page.status, 200);
  assertStringIncludes(page.text, "Fork of Trip");
  assertStringIncludes(page.text, "Lisbon");
  await using notebook = await openStore(store, { namespace: "notebook" });
  const [first, fork] = await notebook.list({ owner: "ann", limit: 9 });
  assertEquals(first, trip);
  assert(fork !== undefined && fork.id !== trip!.id);
  assertEquals([fork.alias, fork.toolCalls, fork.ttlMs], [null, 0, trip!.ttlMs]);
  assertEquals(await notebook.entries(fork.id, { limit: 9 }), [["to", "Lisbon"]]);
});

const MANY = Array.from({ length: 120 }, (_, n): Seed => ({
  title: `Number ${n}`,
  ageMs: (120 - n) * 1000,
  owner: n % 40 === 0 ? JSON.stringify([null, "app", "carla"]) : null,
  leftMs: 1_000_000 + (n * 7 % 120) * 1000,
  toolCalls: n * 11 % 120,
}));
visitTest("filters, sorts and turns pages", MANY, async ({ sessions, get }) => {
  const titles = async (path: string) => titlesIn((await get(path)).text);
  const page = await titles("/?page=3");
  assertEquals([page.length, page[0], page.at(-1)], [20, "Number 19", "Number 0"]);
  assertEquals((await titles("/?page=99")).length, 20);
  assertEquals((await titles("/?sort=oldest"))[0], "Number 0");
  assertEquals(
    (await titles("/?sort=calls"))[0],
    `Number ${MANY.findIndex((s) => s.toolCalls === 119)}`,
  );
  assertEquals((await titles("/?sort=ends"))[0], "Number 0");
  assertEquals(await titles("/?q=CARLA"), ["Number 80", "Number 40", "Number 0"]);
  assertEquals(await titles("/?q=number+119"), ["Number 119"]);
  assertEquals(await titles(`/?q=${sessions[5]!.stateId.slice(0, 16)}`), ["Number 5"]);
  // As the store command shows them.
  assertEquals(await titles(`/?q=${sessions[5]!.stateId}`), ["Number 5"]);
  assertEquals(await titles(`/?q=${encodeURIComponent(sessions[80]!.owner!)}`), [
    "Number 80",
    "Number 40",
    "Number 0",
  ]);
  assertEquals(await titles("/?server=hashcheck"), []);
  assertStringIncludes((await get("/?q=nobody")).text, "Nothing fits the filter");
});

/** Sessions of a server with these as their `stateId`, which is their title too. */
async function plantNamed(store: string, namespace: string, stateIds: readonly string[]) {
  await using opened = await openStore(store, { namespace });
  for (const stateId of stateIds) {
    await opened.create({ ...seedRecord({ title: stateId }), stateId });
  }
}

const NAMES = ["..", ".", "~", "~..", "a/b", "%2f", "%", "?#&", "\0", "é", "x".repeat(48)];
visitTest("opens and ends sessions and servers of any name", [], async ({ store, get, post }) => {
  for (const name of NAMES) await plantNamed(store, name, [name]);
  const list = await until(() => get("/"), ({ text }) => titlesIn(text).length === NAMES.length);
  const paths = Array.from(list.text.matchAll(/<tr data-path="([^"]*)"/g), ([, path]) => path!);
  assertEquals(new Set(paths).size, NAMES.length);
  for (const path of paths) {
    const { status, text } = await get(`${path}?prefix=k`);
    assertEquals(status, 200, path);
    assertStringIncludes(text, `action="${path}"`);
    assertEquals(await post(`${path}/end`), { status: 200, text: '{"said":"Session ended."}' });
  }
  for (const name of NAMES) {
    await using opened = await openStore(store, { namespace: name });
    assertEquals(await opened.list({ owner: null, limit: 9 }), [], name);
  }
});

visitTest("finds a session among many that begin alike", [], async ({ store, get }) => {
  await plantNamed(store, "notebook", Array.from({ length: 300 }, (_, n) => `s${n}`));
  for (const name of ["s0", "s2", "s299"]) {
    assertEquals((await get(`/sessions/notebook/${name}`)).status, 200, name);
  }
});

visitTest("shows a session again that came back", [{ title: "Shopping" }], async (visit) => {
  const { sessions: [shopping], store, get, post } = visit;
  await post(`${pathOf(shopping!)}/end`);
  assertEquals(titlesIn((await get("/")).text), []);
  await using notebook = await openStore(store, { namespace: "notebook" });
  await notebook.create(shopping!);
  await until(() => get("/"), ({ text }) => titlesIn(text).includes("Shopping"));
});

Deno.test("console: ends sessions of a file that took the place of another", async () => {
  await using folder = await tempFolder();
  const [store, other] = ["store", "other"].map((name) => `file:${folder.path}/${name}`);
  const [first] = await plant(store!, "notebook", [{ title: "First" }]);
  const [second] = await plant(other!, "notebook", [{ title: "Second" }]);
  await using console = await startConsole(store!);
  const headers = { cookie: await console.enter(), origin: console.origin };
  const end = async (session: SessionRecord) => {
    const url = `${console.origin}${pathOf(session)}/end`;
    return await (await fetch(url, { method: "POST", headers })).json();
  };
  assertEquals(await end(first!), { said: "Session ended." });
  await Deno.rename(`${folder.path}/other`, `${folder.path}/store`);
  assertMatch((await end(second!)).said, /store/);
  assertEquals(await end(second!), { said: "Session ended." });
});

Deno.test("console: lets in at port 80, which browsers do not name", async () => {
  const access = new Access(80);
  assertMatch(access.link, /^http:\/\/127\.0\.0\.1\/\?token=/);
  const app = new Hono().use(access.checkHost).all("/", (context) => context.text("in"));
  for (const host of ["127.0.0.1", "localhost"]) {
    const headers = { host, origin: `http://${host}` };
    assertEquals((await app.request("/", { headers })).status, 200);
    assertEquals((await app.request("/", { method: "POST", headers })).status, 200);
  }
  assertEquals((await app.request("/", { headers: { host: "example.org" } })).status, 403);
});

Deno.test("console: sees a server's sessions live, and its client learns that one was ended", async () => {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/sessions.jsonl`;
  await plant(store, "hashcheck", [{ title: "Another server's" }]);
  await using server = await startServer({ server: "notebook", transport: "http", store });
  await using console = await startConsole(store);
  const cookie = await console.enter();
  const get = async () => await (await fetch(console.origin, { headers: { cookie } })).text();
  assertEquals(titlesIn(await get()), ["Another server's".replace("'", "&#39;")]);
  const session = await server.create({ hints: { label: "Shopping" } });
  await server.toolResult("notebook_append", { text: "milk" }, session);
  const page = await until(get, (page) => page.includes("Shopping"));
  const [, path] = /data-path="([^"]*)" data-title="Shopping"/.exec(page) ?? [];
  const ended = await fetch(`${console.origin}${path}/end`, {
    method: "POST",
    headers: { cookie, origin: console.origin },
  });
  assertEquals(ended.status, 200);
  await ended.body?.cancel();
  const { error } = await server.tool("notebook_append", { text: "bread" }, session);
  assert(error !== undefined);
});

visitTest("stops at once on Ctrl-C, and tells every open page", [], async ({ console, cookie }) => {
  const open = () => fetch(`${console.origin}/live`, { headers: { cookie } });
  const streams = await Promise.all([open(), open(), open()]);
  assertEquals(await console.stop("SIGINT"), 0);
  for (const stream of streams) {
    assertEquals(stream.status, 200);
    assertMatch(await stream.text(), /^event: hello\n[\s\S]*event: stopped\n/);
  }
});

Deno.test.each<[args: string[], code: number, says: RegExp]>([
  [[], 2, /Which store\? Give --store STORE, or set MCP_SESSIONS_STORE/],
  [["--store", "rdis://127.0.0.1"], 2, /its scheme is none of/],
  [["--store", "/nonexistent/plain.jsonl"], 1, /There is no store at \/nonexistent\/plain\.jsonl/],
  [["--store", "memory:"], 1, /only its own process/],
  [["--store", "file:/nonexistent/sessions.jsonl"], 1, /\/nonexistent\/sessions\.jsonl/],
  [["--store", "file:a", "--port", "70000"], 2, /--port takes a number from 0 to 65535/],
])("console: says what is wrong with %s", async (args, code, says) => {
  const run = await failedConsole(...args);
  assertMatch(run.stderr, says);
  assertMatch(run.stderr, /^console: [^\n]*\n$/);
  assertEquals(run.code, code);
});
