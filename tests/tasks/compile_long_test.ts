/** `deno task compile`, with Deno's base binary and without. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { output } from "../support/output.ts";
import { tempFolder } from "../support/temp_folder.ts";

const TASK = fileURLToPath(new URL("../../tasks/compile.ts", import.meta.url));
const BINARIES = ["hashcheck", "notebook", "session", "session_required"]
  .map((name) => Deno.build.os === "windows" ? `${name}.exe` : name);

const config = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));

// Deno copies any executable of this system's kind four times, so this is a small one.
const ANY_EXECUTABLE = Deno.build.os === "linux" ? "/bin/sh" : Deno.execPath();

function run(args: string[], env: Record<string, string>) {
  const { DENORT_BIN: _, ...inherited } = Deno.env.toObject();
  return output(Deno.execPath(), {
    args,
    env: { ...inherited, NO_COLOR: "1", ...env },
    clearEnv: true,
  });
}

Deno.test("deno task compile", async (t) => {
  await using temporary = await tempFolder();
  const out = join(temporary.path, "out");

  await t.step(
    "makes one binary for each server, with what a server may do and no more",
    async () => {
      const { code, stderr } = await run(["run", "-A", TASK, "--out", out], {
        DENORT_BIN: ANY_EXECUTABLE,
      });
      assertEquals([code, stderr], [0, ""]);
      assertEquals(
        (await Array.fromAsync(Deno.readDir(out))).map(({ name }) => name).sort(),
        BINARIES,
      );

      const latin1 = new TextDecoder("latin1");
      for (const name of BINARIES) {
        const text = latin1.decode(await Deno.readFile(join(out, name)));
        const permissions = /"permissions":(\{.*?\})/.exec(text)?.[1] ?? "{}";
        const granted = Object.entries(JSON.parse(permissions))
          .filter(([what, how]) => what.startsWith("allow_") && Array.isArray(how) && !how.length);
        assertEquals(JSON.parse(permissions).allow_env.sort(), config.permissions.stdio.env.sort());
        assertEquals(granted.map(([what]) => what).sort(), [
          "allow_net",
          "allow_read",
          "allow_write",
        ]);
        assertEquals(JSON.parse(permissions).prompt, false);
        assert(text.includes('"features":["kv"]'), `${name} cannot open Deno KV`);
      }
    },
  );

  await t.step("says in one line that the base binary can't be downloaded", async () => {
    // A cache with all packages and no base binary.
    const { denoDir } = JSON.parse((await run(["info", "--json"], {})).stdout);
    const cache = join(temporary.path, "cache");
    await Deno.mkdir(cache);
    for await (const { name, isFile } of Deno.readDir(denoDir)) {
      if (isFile || name === "dl") continue;
      await Deno.symlink(join(denoDir, name), join(cache, name), { type: "dir" });
    }

    const nowhere = "http://127.0.0.1:9";
    const { code, stdout, stderr } = await run(["run", "-A", TASK, "--out", out], {
      DENO_DIR: cache,
      HTTPS_PROXY: nowhere,
      https_proxy: nowhere,
      NO_PROXY: "",
      no_proxy: "",
    });
    assertEquals(code, 1);
    assertMatch(stdout, /^Checking 4 servers\nCompiling \S+ \(1 of 4\)\n$/);
    assertMatch(
      stderr,
      /^Cannot compile session as .* could not be downloaded from https:\/\/\S+ \(.+\)\. .* graphs .* sound\. Try again .*\n$/,
    );
  });

  await t.step("refuses an argument that it does not know", async () => {
    const { code, stderr } = await run(["run", "-A", TASK, "--output", out], {});
    assertEquals([code, stderr], [2, 'compile: Unknown argument "--output" (see --help)\n']);
  });
});
