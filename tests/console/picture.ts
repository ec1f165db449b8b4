/**
 * Draws docs/pictures/console.png: `deno task console:picture` shows the console with made-up sessions and calls
 * to a browser.
 *
 * @module
 */

import { Access } from "../../console/access.ts";
import { consoleApp } from "../../console/app.tsx";
import { Operator } from "../../console/operator.ts";
import { Surveyor } from "../../console/survey/surveyor.ts";
import { readNoFlags } from "../../runtime/flags.ts";
import { openInspector, openStore } from "../../store/open.ts";
import { startBrowser } from "../support/console/browser.ts";
import { plant, type Seed } from "../support/console/seeds.ts";
import { tempFolder } from "../support/temp_folder.ts";

readNoFlags(
  "console:picture",
  "Draws docs/pictures/console.png, a picture of the console. Needs Chromium, and npm's puppeteer-core.",
);

const PICTURE = new URL("../../docs/pictures/console.png", import.meta.url).pathname;
const SIZE = { width: 1200, height: 800 };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const SERVERS = ["notebook", "notebook", "notebook", "cart", "cart", "wizard"];
const OWNERS = [null, "ann", "bob", "carla.mendes", "dmitri"].map((user) =>
  user && JSON.stringify(["https://id.example.com", "app", user])
);
const TITLES = [
  "Shopping for the weekend",
  "Trip to Lisbon",
  "Quarterly report: figures and sources",
  "conversation by openai/session",
  "Order 4711",
  "lazy-tool-session",
  "New laptop for ann",
  "Notes on the sessions proposal",
];
const LIFETIMES = [20 * MINUTE_MS, HOUR_MS, DAY_MS, 3 * DAY_MS, 7 * DAY_MS];
/** Calls in each of the minutes before the picture. */
const CALLS = [
  9,
  12,
  11,
  15,
  19,
  17,
  24,
  30,
  41,
  38,
  33,
  29,
  35,
  44,
  52,
  58,
  49,
  40,
  37,
  30,
  26,
  31,
]
  .concat([36, 48, 61, 57, 50, 43, 39, 46]);

/** The same numbers for every picture. */
function* chance() {
  for (let seed = 7;;) yield (seed = seed * 16_807 % 2_147_483_647) / 2_147_483_647;
}

const numbers = chance();
const some = () => numbers.next().value ?? 0;
const oneOf = <T>(all: readonly T[]): T => all[Math.floor(some() * all.length)]!;

function seed(): Seed {
  const ageMs = Math.floor(20_000 * Math.exp(some() * 11.5));
  const toolCalls = Math.floor(Math.exp(some() * 6)) - 1;
  return {
    title: oneOf(TITLES),
    owner: oneOf(OWNERS),
    ageMs,
    leftMs: Math.floor(oneOf(LIFETIMES) * (0.2 + 0.8 * some())),
    toolCalls,
    ...(toolCalls > 0 && { state: { notes: "x".repeat(Math.floor(Math.exp(some() * 10))) } }),
  };
}

await using folder = await tempFolder();
const url = `file:${folder.path}/sessions.jsonl`;
const seeds = Map.groupBy(Array.from({ length: 412 }, seed), () => oneOf(SERVERS));
for (const [namespace, of] of seeds) await plant(url, namespace, of);

await using inspector = await openInspector(url);
using first = new Surveyor(inspector);
const { sessions } = await first.look();
using surveyor = new Surveyor(inspector);
const now = Date.now();
const active = sessions.filter(({ toolCalls }) => toolCalls > 200);
for (let ago = CALLS.length; ago > 0; ago--) {
  // What is still to be called from then on, taken from those that were called most.
  const left = CALLS.slice(CALLS.length - ago).reduce((a, b) => a + b, 0);
  const counts = new Map(
    active.map((session, n) => [session, Math.floor((left + n) / active.length)]),
  );
  const before = sessions.map((session) => ({
    ...session,
    toolCalls: session.toolCalls - (counts.get(session) ?? 0),
  }));
  surveyor.calls.add(now - ago * MINUTE_MS, before);
}

const app = Promise.withResolvers<ReturnType<typeof consoleApp>>();
const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  async (request) => (await app.promise).fetch(request),
);
const access = new Access(server.addr.port);
await using operator = new Operator(inspector, (namespace) => openStore(url, { namespace }));
const stopping = new AbortController();
const store = "file:~/.local/state/mcp-sessions/sessions.jsonl";
app.resolve(
  consoleApp({ access, inspector, operator, surveyor, store, stopping: stopping.signal }),
);
{
  await using browser = await startBrowser();
  const tab = await browser.newPage();
  await tab.setViewport(SIZE);
  await tab.goto(access.link);
  await tab.waitForFunction('document.body.dataset.live === "on"');
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("ArrowDown");
  await tab.screenshot({ path: PICTURE });
}
stopping.abort();
await server.shutdown();
const { size } = await Deno.stat(PICTURE);
console.log(`docs/pictures/console.png is drawn, ${Math.ceil(size / 1000)} kB`);
