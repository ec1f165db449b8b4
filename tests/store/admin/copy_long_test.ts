import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { openInspector } from "../../../store/mod.ts";
import { until } from "../../support/until.ts";
import { tempFolder } from "../../support/store/stores.ts";
import { allOf, fillStore } from "../../support/store/admin/whole_stores.ts";

const COUNT = 4000;
/** Sessions at the target when a run is killed. */
const KILLED_AT = [1, 300, 1500, 3000];

const program = fileURLToPath(import.meta.resolve("../../../store/admin.ts"));

function copy(from: string, to: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program, "copy", from, to],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** The number of sessions at a target, which may not be there yet. */
async function sessionsAt(url: string): Promise<number> {
  try {
    await using inspector = await openInspector(url);
    return (await inspector.servers()).reduce((sum, { sessions }) => sum + sessions, 0);
  } catch {
    return 0;
  }
}

for (const scheme of ["file", "sqlite", "kv"]) {
  Deno.test(`store copy: to a ${scheme} store, killed again and again, it comes to the same`, async () => {
    await using folder = await tempFolder();
    const from = `file:${folder.path}/from`;
    const to = `${scheme}:${folder.path}/to`;
    await fillStore(from, COUNT);
    let killed = 0;
    for (const least of KILLED_AT) {
      await using process = copy(from, to);
      const ended = process.status.then(() => COUNT);
      await until(() => Promise.race([sessionsAt(to), ended]), (there) => there >= least);
      process.kill("SIGKILL");
      await process.stdout.cancel();
      if ((await process.status).signal === "SIGKILL") killed++;
      const there = await sessionsAt(to);
      assert(there <= COUNT, `${there} sessions are there`);
    }
    assert(killed > 1, "no run was killed in its middle");
    await using process = copy(from, to);
    const said = await new Response(process.stdout).text();
    assertEquals((await process.status).code, 0, said);
    assertEquals(await allOf(to), await allOf(from));
  });
}
