/** One suite for every host: a model that acts only on what it reads uses the notebook. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { NpmPackages } from "../support/npm_packages.ts";
import type { Reach } from "../support/servers/separate_runs.ts";
import type { Host } from "./host.ts";
import { installHosts } from "./packages.ts";
import { append, handleIn, isRefusal, lastResult, READ, reading, withHandle } from "./reading.ts";
import { Scene } from "./scene.ts";
import { findTool, inTurn } from "./scripted_model.ts";

let packages: NpmPackages;
Deno.test.beforeAll(async () => {
  packages = await installHosts();
});

/** Starts a scene once the hosts are installed. */
export function sceneOf(host: Host): Promise<Scene> {
  return Scene.create(host, packages);
}

const NOTES = ["milk", "bread", "eggs"];

/** Notes in a text: hosts show a result's text, its JSON, or both. */
export function notesIn(text: string): string[] {
  return NOTES.filter((note) => text.includes(note));
}

/** A way to reach the server, open while the function runs. */
interface Way {
  readonly name: string;
  readonly reach: (scene: Scene, use: (server: Reach) => Promise<void>) => Promise<void>;
}

const WAYS: readonly Way[] = [
  { name: "by README's plain line", reach: (scene, use) => use(scene.plainLine) },
  {
    name: "over HTTP with a token",
    reach: (scene, use) => scene.withTokens((as) => use(as("alice"))),
  },
];

/** Ways through the bridge, to a server that it starts and to one that listens. */
export const BRIDGED: readonly Way[] = [
  {
    name: "through the bridge that starts it",
    reach: (scene, use) => use(scene.bridged(scene.plainLine)),
  },
  {
    name: "through the bridge to its URL",
    reach: (scene, use) => scene.overHttp((server) => use(scene.bridged(server))),
  },
];

/** Tests on each way that conversations are isolated and survive a restart. */
export function testConversations(host: Host, ways: readonly Way[]): void {
  for (const { name, reach } of ways) {
    Deno.test(`${host.name}: two conversations are isolated and outlive host and server, reached ${name}`, async () => {
      await using scene = await sceneOf(host);
      let [one, two] = ["", ""];
      await reach(scene, (server) =>
        scene.run(server, async (say) => {
          const [first, second] = await Promise.all([
            say(reading(append("milk"), READ)),
            say(reading(append("bread"), READ)),
          ]);
          assertEquals(notesIn(first.text), ["milk"]);
          assertEquals(notesIn(second.text), ["bread"]);
          const third = await say(reading(append("eggs"), READ), first.conversation);
          assertEquals(notesIn(third.text), ["milk", "eggs"]);
          [one, two] = [third.conversation, second.conversation];
        }));
      await reach(scene, (server) =>
        scene.run(server, async (say) => {
          assertEquals(notesIn((await say(reading(READ), one)).text), ["milk", "eggs"]);
          assertEquals(notesIn((await say(reading(READ), two)).text), ["bread"]);
        }));
      const refusals = scene.model.asked.filter(({ results }) => isRefusal(results.at(-1) ?? ""));
      assertEquals(refusals.length, host.tellsConversation ? 0 : 2);
    });
  }
}

/** Tests for every host. */
export function testHost(host: Host): void {
  testConversations(host, [...WAYS, ...BRIDGED]);

  Deno.test(`${host.name}: a model makes a session, finds it in the list, and ends it`, async () => {
    await using scene = await sceneOf(host);
    await scene.run(scene.plainLine, async (say) => {
      let handle = "";
      const { text } = await say(inTurn(
        { tool: "session_create", args: { title: "shopping" } },
        ({ results }) => {
          handle = handleIn(results[0] ?? "") ?? "";
          return withHandle(append("milk"), handle);
        },
        () => withHandle(READ, handle),
        { tool: "session_list" },
        () => ({ tool: "session_end", args: { session: handle } }),
        { tool: "session_list" },
        () => withHandle(READ, handle),
        lastResult,
      ));
      assert(isRefusal(text), text);
      const { tools, results } = scene.model.asked.at(-1) ?? { tools: [], results: [] };
      const { properties, required } = findTool(tools, "notebook_append").parameters;
      assertEquals(Object.keys(properties ?? {}).toSorted(), ["session", "text"]);
      assertEquals(required, ["text"]);
      const [, , read = "", listed = "", , after = ""] = results;
      assertEquals(notesIn(read), ["milk"]);
      assertStringIncludes(listed, handle);
      assertStringIncludes(listed, "shopping");
      assert(!after.includes(handle), after);
    });
  });

  Deno.test(`${host.name}: a model with a dead handle recovers by what it reads`, async () => {
    await using scene = await sceneOf(host);
    await scene.run(scene.plainLine, async (say) => {
      const getsOn = reading(append("milk"), READ);
      const { text } = await say((seen) =>
        seen.results.length === 0
          ? withHandle(append("milk"), `sess-${"0".repeat(32)}`)
          : getsOn(seen)
      );
      assertEquals(notesIn(text), ["milk"]);
      assertEquals(
        scene.model.asked.filter(({ results }) => isRefusal(results.at(-1) ?? "")).length,
        1,
      );
    });
  });

  Deno.test(`${host.name}: principals are isolated, even in the same conversation`, async () => {
    await using scene = await sceneOf(host);
    await scene.withTokens(async (as) => {
      let conversation = "";
      let id = "";
      let handle: string | undefined;
      await scene.run(as("alice"), async (say) => {
        const said = await say(reading(append("milk"), READ));
        assertEquals(notesIn(said.text), ["milk"]);
        conversation = said.conversation;
        const results = scene.model.asked.at(-1)?.results ?? [];
        handle = results.map(handleIn).find((it) => it !== undefined);
        id = /sess-[0-9a-f]{32}/.exec(results.join())?.[0] ?? "";
        assertEquals(handle, host.tellsConversation ? undefined : id);
      });
      await scene.run(as("bob"), async (say) => {
        const said = await say(reading(READ), conversation);
        assertEquals(notesIn(said.text), []);
        const { text } = await say(inTurn({ tool: "session_list" }, lastResult));
        assert(!text.includes(id), text);
      });
      await scene.run(as("alice"), async (say) => {
        const { text } = await say(inTurn(withHandle(READ, handle), lastResult), conversation);
        assertEquals(notesIn(text), ["milk"]);
      });
    });
  });
}

/** Tests for hosts whose calls need a handle. */
export function testForgetting(host: Host): void {
  Deno.test(`${host.name}: a model that forgets its handle recovers by what it reads`, async () => {
    await using scene = await sceneOf(host);
    await scene.run(scene.plainLine, async (say) => {
      const { text } = await say(inTurn(
        { tool: "session_create" },
        ({ results }) => withHandle(append("milk"), handleIn(results[0] ?? "")),
        append("bread"),
        ({ results }) => {
          assert(isRefusal(results[2] ?? ""), results[2]);
          return withHandle(append("bread"), handleIn(results[0] ?? ""));
        },
        ({ results }) => withHandle(READ, handleIn(results[0] ?? "")),
        lastResult,
      ));
      assertEquals(notesIn(text), ["milk", "bread"]);
    });
  });
}
