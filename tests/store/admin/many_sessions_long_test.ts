import { assertEquals } from "@std/assert";
import { openStore } from "../../../store/mod.ts";
import { run } from "../../support/store/admin/admin_runs.ts";
import { record, tempFolder } from "../../support/store/stores.ts";

/** More than a function takes arguments. */
const COUNT = 150_000;

Deno.test("store: lists and ends more sessions of one owner than a function takes arguments", async () => {
  await using folder = await tempFolder();
  const url = `file:${folder.path}/store`;
  {
    const limits = { sessions: COUNT, sessionsPerOwner: COUNT };
    await using store = await openStore(url, { namespace: "one", limits });
    const expiresAt = Date.now() + 3_600_000;
    for (let from = 0; from < COUNT; from += 1000) {
      await Promise.all(
        Array.from(
          { length: 1000 },
          (_, i) => store.create(record(`sess-${from + i}`, { owner: "alice", expiresAt })),
        ),
      );
    }
  }
  const listed = await run("ls", url, "--limit", `${COUNT}`);
  assertEquals([listed.status, listed.wrong], [0, ""]);
  assertEquals(listed.said.split("\n").length, 1 + COUNT);
  const { status, said, wrong } = await run("rm", url, "--owner", "alice", "--yes");
  assertEquals([status, said, wrong], [0, "Ended 150,000 sessions.", ""]);
});
