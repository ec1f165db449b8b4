import { assertMatch, assertRejects } from "@std/assert";
import { runProcesses, testProcesses } from "../support/store/processes_suite.ts";
import { tempFolder } from "../support/temp_folder.ts";

testProcesses("FileStore", (folder) => ({ url: `file:${folder}/sessions.jsonl` }));
testProcesses("KvStore", (folder) => ({ url: `kv:${folder}/sessions.kv` }));
testProcesses("SqliteStore", (folder) => ({ url: `sqlite:${folder}/sessions.db` }));

Deno.test("runProcesses() detects workers that lie, write twice, or read what is stale", async () => {
  const modes = [
    // Who sees the lie first depends on who is asked first: a reader, the next writer, or the end.
    ["liar", /^(Lost|Twice|Stale)/],
    ["twice", /^Twice/],
    ["stale", /^Stale/],
  ] as const;
  for (const [mode, message] of modes) {
    await using folder = await tempFolder();
    const run = () => runProcesses({ url: `file:${folder.path}/sessions.jsonl`, kills: 0, mode });
    assertMatch((await assertRejects(run, Error)).message, message, mode);
  }
});
