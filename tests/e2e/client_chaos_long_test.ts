/** Client and server killed at any moment: every outcome that a caller is told is true. */

import { assert, assertEquals } from "@std/assert";
import { isOutcomeUnknown } from "../../client/mod.ts";
import { connected, Durable, KINDS, testEach } from "../support/client/client_fixture.ts";

const KILLS = 5;

testEach(
  KINDS,
  "withSession: no call runs twice, and no call is answered that has not run",
  async (kind) => {
    await using fixture = await Durable.create(kind);
    await using it = await connected(fixture);
    const { id } = it;
    const done: string[] = [];
    const unknown: string[] = [];
    let calling = true;
    let goal = 0;
    let reached = Promise.withResolvers<void>();
    const caller = async (name: string) => {
      for (let number = 0; calling; number++) {
        const note = `${name}-${number}`;
        try {
          await it.call("echo", { note });
          done.push(note);
          if (done.length === goal) reached.resolve();
        } catch (error) {
          assert(isOutcomeUnknown(error), String(error));
          unknown.push(note);
        }
      }
    };
    const callers = Array.from({ length: 8 }, (_, name) => caller(`${name}`));
    for (let kill = 0; kill < KILLS; kill++) {
      reached = Promise.withResolvers();
      goal = done.length + 20 + Math.floor(Math.random() * 40);
      await reached.promise;
      await fixture.kill();
      await fixture.start();
    }
    calling = false;
    await Promise.all(callers);
    const ran = await fixture.ran();
    assertEquals(new Set(ran).size, ran.length, "a call ran twice");
    const known = new Set(ran);
    assertEquals(done.filter((note) => !known.has(note)), [], "answered, but not run");
    const told = new Set([...done, ...unknown]);
    assertEquals(ran.filter((note) => !told.has(note)), [], "run, but nobody was told");
    assertEquals([it.id, it.told.includes("lost"), it.closed], [id, false, 0]);
  },
);
