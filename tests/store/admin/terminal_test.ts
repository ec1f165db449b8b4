/** The store command at a terminal, as `script` of Linux makes one. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { run } from "../../support/store/admin/admin_runs.ts";
import { tempFolder } from "../../support/store/stores.ts";
import { fillStore } from "../../support/store/admin/whole_stores.ts";

const program = fileURLToPath(import.meta.resolve("../../../store/admin.ts"));

/** Runs the command by a shell at a terminal, and types `keys` as it asks. */
async function atTerminal(args: string, keys: string) {
  const command = `exec '${Deno.execPath()}' run -A --no-check '${program}' ${args}`;
  await using process = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const typing = process.stdin.getWriter();
  let shown = "";
  let isTyped = false;
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    shown += text;
    if (isTyped || !shown.includes("[y/N] ")) continue;
    isTyped = true;
    await typing.write(new TextEncoder().encode(keys));
  }
  const { code } = await process.status;
  await typing.close().catch(() => {});
  return { code, shown };
}

/** Registers a test with a store in which alice has 10 sessions. */
function terminalTest(
  name: string,
  body: (path: string, left: () => Promise<number>) => Promise<void>,
) {
  Deno.test({
    name: `store at a terminal: ${name}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await using folder = await tempFolder();
      const path = `${folder.path}/store`;
      await fillStore(`file:${path}`, 30);
      await body(path, async () => {
        const { said } = await run("ls", path, "--owner", "alice", "--json");
        return JSON.parse(said).total;
      });
    },
  });
}

terminalTest("rm asks, and takes y or yes for a yes, nothing else", async (path, left) => {
  for (const keys of ["\n", "n\n", "yesterday\n", "\x04"]) {
    const { code, shown } = await atTerminal(`rm '${path}' --owner alice`, keys);
    assertMatch(shown, /End 10 sessions of alice, with their states\? \[y\/N\] /);
    assertMatch(shown, /store: Nothing was ended/);
    assertEquals([code, await left()], [1, 10]);
  }
  for (const keys of ["y\n", "YES\n"]) {
    const server = keys === "y\n" ? "one" : "two";
    const { code, shown } = await atTerminal(`rm '${path}' --owner alice --server ${server}`, keys);
    assertMatch(shown, /Ended 5 sessions\./);
    assertEquals(code, 0);
  }
  assertEquals(await left(), 0);
});

terminalTest("Ctrl-C at the question of rm ends it", async (path, left) => {
  const { code } = await atTerminal(`rm '${path}' --owner alice`, "\x03");
  assertEquals([code, await left()], [130, 10]);
});

terminalTest("the question of rm is seen where its output goes to a file", async (path, left) => {
  const args = `rm '${path}' --owner alice --json > '${path}.out'`;
  const { code, shown } = await atTerminal(args, "y\n");
  assert(shown.includes("[y/N]"), shown);
  assertEquals(JSON.parse(await Deno.readTextFile(`${path}.out`)), { ended: 10 });
  assertEquals([code, await left()], [0, 0]);
});
