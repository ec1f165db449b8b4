/** The console as an operator uses it: in a browser, by keys, with other pages and tabs around it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openStore, type SessionRecord } from "../../store/mod.ts";
import { startBrowser, type Tab } from "../support/console/browser.ts";
import { type RunningConsole, startConsole } from "../support/console/console.ts";
import { plant, type Seed } from "../support/console/seeds.ts";
import { tempFolder } from "../support/temp_folder.ts";

interface Scene {
  readonly console: RunningConsole;
  readonly sessions: readonly SessionRecord[];
  readonly store: string;
  /** A tab in which the console is open. */
  readonly tab: Tab;
  newTab(): Promise<Tab>;
  /** The titles of the sessions that are left in the store. */
  left(): Promise<string[]>;
}

function browserTest(name: string, seeds: readonly Seed[], run: (scene: Scene) => Promise<void>) {
  const fn = async () => {
    await using folder = await tempFolder();
    const store = `file:${folder.path}/sessions.jsonl`;
    const sessions = await plant(store, "notebook", seeds);
    await using console = await startConsole(store);
    await using browser = await startBrowser();
    const faults: string[] = [];
    const newTab = () => browser.newPage();
    const left = async () => {
      await using notebook = await openStore(store, { namespace: "notebook" });
      const records = await notebook.list({ owner: null, limit: 99 });
      return records.map(({ data }) => data["title"] ?? "");
    };
    const tab = await newTab();
    tab.on("console", (message) => faults.push(message.text()));
    tab.on("pageerror", (thrown) => faults.push(String(thrown)));
    await tab.goto(console.link);
    await tab.waitForFunction('document.body.dataset.live === "on"');
    await run({ console, sessions, store, tab, newTab, left });
    // What a policy refuses is told there, too.
    assertEquals(faults.filter((fault) => !/Failed to load resource|ERR_/.test(fault)), []);
  };
  // Puppeteer leaves timers and sockets of its own.
  Deno.test({
    name: `console in a browser: ${name}`,
    fn,
    sanitizeOps: false,
    sanitizeResources: false,
  });
}

const titles = (tab: Tab) =>
  tab.evaluate<string[]>(
    "[...document.querySelectorAll('table.sessions tbody tr')].map((row) => row.dataset.title)",
  );
const textOf = (tab: Tab) => tab.evaluate<string>("document.documentElement.outerHTML");
const focused = (tab: Tab) =>
  tab.evaluate<string>("document.activeElement.closest('tr')?.dataset.title ?? ''");
const listed = (tab: Tab, ...expected: string[]) =>
  tab.waitForFunction(
    `JSON.stringify([...document.querySelectorAll("table.sessions tbody tr")]` +
      `.map((row) => row.dataset.title)) === ${JSON.stringify(JSON.stringify(expected))}`,
  );

const THREE = [{ title: "Oldest", ageMs: 9000 }, { title: "Middle", ageMs: 5000 }, {
  title: "Newest",
}];

browserTest("three keys end a session, of which one confirms", THREE, async ({ tab, left }) => {
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("e");
  assertEquals(await tab.evaluate("document.querySelector('#end-title').textContent"), "Newest");
  await tab.keyboard.press("y");
  await listed(tab, "Middle", "Oldest");
  assertEquals(await left(), ["Oldest", "Middle"]);
  // The keys go on from the next row.
  await tab.waitForFunction("document.activeElement.closest('tr')?.dataset.title === 'Middle'");
  await tab.waitForFunction("document.querySelector('#toast').textContent === 'Session ended.'");
});

browserTest("a session that is not confirmed lives on", THREE, async ({ tab, left }) => {
  for (const answer of ["Escape", "Enter", "n"]) {
    await tab.keyboard.press("ArrowDown");
    await tab.keyboard.press("e");
    await tab.keyboard.press(answer);
  }
  await tab.keyboard.press("Escape");
  assertEquals((await left()).length, 3);
  assertEquals((await titles(tab)).length, 3);
});

browserTest("keys choose, open, fork and go back", [...THREE, {
  title: "With state",
  state: { milk: 2 },
}], async ({ tab, left }) => {
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("ArrowUp");
  assertEquals(await focused(tab), "With state");
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("Enter")]);
  assertMatch(await tab.evaluate("document.querySelector('.entries').innerText"), /milk\s+2/);
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("f")]);
  assertEquals(await tab.evaluate("document.querySelector('h1').innerText"), "Fork of With state");
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("Escape")]);
  assertEquals((await left()).includes("Fork of With state"), true);
  await tab.waitForFunction("document.body.innerText.includes('Fork of With state')");
});

browserTest("filters while it is typed", THREE, async ({ tab, console }) => {
  await tab.keyboard.press("/");
  await tab.keyboard.type("mid");
  await listed(tab, "Middle");
  assertEquals(tab.url(), `${console.origin}/?q=mid`);
  // A key that is typed into the filter is no command.
  await tab.keyboard.type("e");
  await tab.waitForFunction("document.body.innerText.includes('Nothing fits the filter')");
  assertEquals(await tab.evaluate("document.querySelector('dialog').open"), false);
});

browserTest("new sessions appear by themselves, and the focus stays", THREE, async (scene) => {
  const { tab, store } = scene;
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("ArrowDown");
  await plant(store, "hashcheck", [{ title: "Just made" }]);
  await listed(tab, "Just made", "Newest", "Middle", "Oldest");
  assertEquals(await focused(tab), "Middle");
});

browserTest("a title with a script does nothing but stand there", [
  { title: "<img src=x onerror=\"document.title='gone'\"><script>document.title='gone'</script>" },
], async ({ tab }) => {
  const [title] = await titles(tab);
  assertMatch(title!, /^<img src=x onerror=/);
  assertEquals(
    await tab.evaluate("document.querySelectorAll('tbody img, tbody script').length"),
    0,
  );
  await tab.keyboard.press("ArrowDown");
  await tab.keyboard.press("e");
  assertEquals(await tab.evaluate("document.querySelectorAll('dialog img').length"), 0);
  await tab.keyboard.press("Escape");
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("Enter")]);
  assertMatch(await tab.evaluate("document.querySelector('h1').innerText"), /^<img/);
  assertMatch(await tab.evaluate("document.title"), /^Session [0-9a-f]{16}$/);
});

browserTest(
  "a page on another port of this machine reads and changes nothing",
  THREE,
  async (scene) => {
    const { console, sessions: [session], newTab, left } = scene;
    // The same site, so the browser sends the cookie along.
    const page = `<!DOCTYPE html><form method="post" id="form"></form><iframe></iframe>`;
    await using foreign = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(page, { headers: { "content-type": "text/html" } }),
    );
    const tab = await newTab();
    const home = `http://127.0.0.1:${foreign.addr.port}/`;
    const target = `${console.origin}/sessions/notebook/${session!.stateId}/end`;
    await tab.goto(home);
    for (const mode of ["cors", "no-cors"]) {
      for (const [method, path] of [["GET", console.origin], ["POST", target]]) {
        const init = JSON.stringify({ method, mode, credentials: "include" });
        const read = await tab.evaluate(
          `fetch("${path}", ${init}).then((r) => r.text()).catch(() => "refused")`,
        );
        assertEquals(read, "refused", `${method} ${mode}`);
      }
    }
    const framed = await tab.evaluate(`new Promise((resolve) => {
    const frame = document.querySelector("iframe");
    frame.onload = () => resolve(frame.contentDocument === null ? "other" : "blank");
    frame.src = "${console.origin}/";
  })`);
    assertEquals(framed, "other");
    await Promise.all([
      tab.waitForNavigation(),
      tab.evaluate(`form.action = "${target}"; form.submit()`),
    ]);
    assertMatch(await textOf(tab), /takes changes from its own pages only/);
    assertEquals((await left()).length, 3);
  },
);

browserTest("after a stop no tab shows anything, and none comes in again", THREE, async (scene) => {
  const { console, newTab, tab } = scene;
  const second = await newTab();
  await second.goto(console.origin);
  await second.waitForFunction('document.body.dataset.live === "on"');
  assertEquals(await console.stop("SIGINT"), 0);
  await second.waitForFunction("document.body.innerText.includes('The console has stopped')");
  assert(!/Oldest|Middle|Newest|notebook/.test(await textOf(second)));
  // A tab in the background is told when it is looked at.
  await tab.bringToFront();
  await tab.waitForFunction("!document.body.innerText.includes('Newest')");
  assert(!/Oldest|Middle|Newest|notebook/.test(await textOf(tab)));
});

browserTest("a session's page outlasts a store that is away for a while", [{
  title: "Shopping",
  state: { milk: 2 },
}], async ({ tab, store }) => {
  const path = store.replace("file:", "");
  await tab.keyboard.press("ArrowDown");
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("Enter")]);
  await tab.waitForFunction('document.body.dataset.live === "on"');
  await Deno.rename(path, `${path}.away`);
  await tab.waitForFunction(
    "document.querySelector('#fault').innerText.includes('There is no store')",
  );
  assertMatch(await tab.evaluate("document.querySelector('.entries').innerText"), /milk/);
  await tab.keyboard.press("e");
  await tab.keyboard.press("y");
  await tab.waitForFunction(
    "document.querySelector('#toast').innerText.includes('There is no store')",
  );
  await Deno.rename(`${path}.away`, path);
  await tab.waitForFunction("document.querySelector('#fault').innerText === ''");
  assertEquals(await tab.evaluate("document.querySelector('h1').innerText"), "Shopping");
  assertMatch(await tab.evaluate("document.querySelector('.entries').innerText"), /milk/);
});

browserTest("nothing is wider than a narrow screen", [...THREE, {
  title: "A title that goes on and on ".repeat(9),
  state: { key: "x".repeat(400), ["k".repeat(300)]: 1 },
  owner: null,
}], async ({ tab }) => {
  const overflow = () =>
    tab.evaluate<number>(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
  for (const width of [320, 390, 768, 1280]) {
    await tab.setViewport({ width, height: 800 });
    assertEquals(await overflow(), 0, `the list at ${width}`);
  }
  await tab.keyboard.press("ArrowDown");
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("Enter")]);
  for (const width of [320, 390, 768, 1280]) {
    await tab.setViewport({ width, height: 800 });
    assertEquals(await overflow(), 0, `a session at ${width}`);
  }
});
