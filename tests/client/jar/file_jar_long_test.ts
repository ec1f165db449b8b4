/** Jars under many processes and kills. */

import { assert, assertEquals } from "@std/assert";
import {
  assertAllFiled,
  fileTogether,
  namesIn,
  openJar,
  PROCESS,
} from "../../support/client/client_jar_fixture.ts";
import { Fixture } from "../../support/store/processes.ts";
import { tempFolder } from "../../support/store/stores.ts";

Deno.test("FileJar: ten processes that file cookies at once lose nothing", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  assertEquals(await fileTogether(path, 20), []);
  await assertAllFiled(path, 20);
});

Deno.test("FileJar: a kill -9 in mid-write loses no filed cookie", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/cookies.jsonl`;
  for (let kill = 0; kill < 5; kill++) {
    const filed = new Map<number, number>();
    {
      await using writer = new Fixture(PROCESS, path, "file-until-killed", `k${kill}`);
      assertEquals((await writer.lines.next()).value, "started");
      const last = 5 + Math.random() * 100;
      for await (const line of writer.lines) {
        filed.set(Number(line) % 10, Number(line));
        if (Number(line) >= last) writer.kill();
      }
    }
    const warnings: string[] = [];
    await using jar = await openJar(path, warnings);
    for (const [slot, number] of filed) {
      const key = { server: `https://k${kill}.example/${slot}`, profile: "default" };
      const cookie = await jar.get(key);
      // A later one may have been filed and not acknowledged.
      assert(Number(cookie?.id.split("-")[1]) >= number, `${number} is lost: ${cookie?.id}`);
      assertEquals(cookie?.data?.title?.length, `${cookie?.id.split("-")[1]} `.length + 2000);
    }
    assert(warnings.every((text) => text.includes("nothing that was acknowledged is lost")));
  }
  assertEquals(namesIn(folder.path).filter((name) => name.includes("broken")), []);
});
