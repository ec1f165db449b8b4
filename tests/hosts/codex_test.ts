/** Codex CLI, itself, uses the notebook. */

import { assertEquals } from "@std/assert";
import { codex } from "./codex.ts";
import { append, READ, reading } from "./reading.ts";
import { notesIn, sceneOf, testHost } from "./suite.ts";

testHost(codex());

Deno.test("Codex: runs tools without approval if their annotations say that they destroy nothing", async () => {
  await using scene = await sceneOf(codex({ asks: true }));
  await scene.run(scene.plainLine, async (say) => {
    assertEquals(notesIn((await say(reading(append("milk"), READ))).text), ["milk"]);
  });
});
