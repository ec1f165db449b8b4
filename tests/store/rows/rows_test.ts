import { assert, assertEquals } from "@std/assert";
import { MemoryPlace, MemoryRows } from "../../support/store/memory_rows.ts";
import { testRows } from "../../support/store/rows_suite.ts";

const places = new Map<string, MemoryPlace>();

testRows("MemoryRows", ({ folder, namespace }) => {
  const name = JSON.stringify([folder, namespace]);
  const place = places.get(name) ?? new MemoryPlace();
  places.set(name, place);
  return Promise.resolve(new MemoryRows(place));
});

Deno.test("testRows: fails rows that break a promise", async () => {
  const fixture = new URL("../../fixtures/store/broken/rows.ts", import.meta.url);
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", fixture.href],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(code, 1);
  const said = new TextDecoder().decode(stdout);
  const broken = {
    Careless: ["a check of a version", "a check of absence", "one of eight checks", "a lost race"],
    Silent: ["a lost commit gives what its orElse wants"],
    Utf16: ["names come back", "a page has the names with its prefix"],
    Inclusive: ["a page has the names with its prefix"],
    Generous: ["a counter that would grow past its most", "a full counter costs only its own"],
    Backward: ["the first full counter"],
    Half: ["a lost commit does nothing", "a counter that would grow past its most"],
    Unchanging: ["a commit tells the version"],
    Cut: ["texts come back"],
    Marked: ["texts come back"],
    Sweeping: ["a drop takes a part"],
    Sharing: ["a copy has a part's rows"],
    Together: ["a lost race costs only its own", "a full counter costs only its own"],
    Undying: ["operations after close"],
    Abrupt: ["closing finishes"],
    Stale: ["what was committed by one is seen by another"],
    Lowercase: ["namespaces are apart"],
    Ended: ["namespaces are apart"],
    Normal: ["namespaces are apart"],
  };
  for (const [name, promises] of Object.entries(broken)) {
    for (const promise of promises) {
      const isFailed = said.split("\n").some((line) =>
        line.startsWith(`${name}: ${promise}`) && / \.\.\. FAILED/.test(line)
      );
      assert(isFailed, `${name} breaks it: ${promise}`);
    }
  }
});
