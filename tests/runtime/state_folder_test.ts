/** `~/` in path arguments, which hosts and flags pass on unexpanded. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { expandHome } from "../../runtime/state_folder.ts";
import { denoDir } from "../support/deno_dir.ts";
import { tempFolder } from "../support/temp_folder.ts";

const isWindows = Deno.build.os === "windows";
const url = (path: string) => new URL(`../../${path}`, import.meta.url).href;

interface Run {
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
}

/** Runs a program in a folder of its own, with an empty stdin. */
async function run(folder: string, { args: [program = "", ...args], env = {} }: Run) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", url(program), ...args],
    cwd: folder,
    env: {
      DENO_DIR: await denoDir(),
      MCP_SESSIONS_STORE: "",
      [isWindows ? "USERPROFILE" : "HOME"]: `${folder}/home`,
      ...env,
    },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return { code, said: said.trim() };
}

const ID = `sess-${"0".repeat(32)}`;

/** Ways to name a path, and the output that shows it expanded. */
const cases: readonly [name: string, Run, says: RegExp, code: number][] = [
  [
    "--store",
    { args: ["servers/notebook.ts", "--store", "file:~/x.jsonl", "--log-level", "info"] },
    /kept in file:/,
    0,
  ],
  [
    "MCP_SESSIONS_STORE",
    { args: ["servers/notebook.ts"], env: { MCP_SESSIONS_STORE: "file:~/x.jsonl" } },
    /^$/,
    0,
  ],
  [
    "--tokens",
    {
      args: [
        "servers/notebook.ts",
        ...["--transport", "streamable-http", "--port", "0"],
        ...["--store", "file:~/x.jsonl", "--tokens", "~/tokens"],
      ],
    },
    /Cannot read the tokens in .*[\\/]home[\\/]tokens/,
    1,
  ],
  [
    "--jar",
    { args: ["client/sessions.ts", "jar", "use", "http://x/mcp", ID, "--jar", "~/x.jsonl"] },
    /./,
    0,
  ],
  [
    "store verify",
    { args: ["store/admin.ts", "verify", "~/x.jsonl"] },
    /home.x\.jsonl is sound/,
    0,
  ],
  [
    "store repair",
    { args: ["store/admin.ts", "repair", "~/x.jsonl", "--to", "~/y.jsonl"] },
    /home.y\.jsonl has all/,
    0,
  ],
];

for (const [name, program, says, code] of cases) {
  Deno.test(`${name}: expands ~/ to the home folder, and makes no folder ~`, async () => {
    await using temp = await tempFolder();
    const folder = temp.path;
    if (name.startsWith("store ")) {
      await run(folder, { args: ["servers/notebook.ts", "--store", "file:~/x.jsonl"] });
    }
    const result = await run(folder, program);
    assertEquals(result.code, code, result.said);
    assertMatch(result.said, says);
    assert((await Deno.stat(`${folder}/home/x.jsonl`)).isFile);
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["home"]);

    const homeless = await run(folder, { ...program, env: { ...program.env, HOME: "" } });
    if (isWindows) return;
    assertEquals(homeless.code, 2, homeless.said);
    assertMatch(homeless.said, /^[^\n]*Cannot find the home folder for "~\/[^\n]*HOME[^\n]*$/);
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["home"]);
  });
}

Deno.test("--store: an unknown scheme is a usage error, and makes no folder", async () => {
  await using temp = await tempFolder();
  const folder = temp.path;
  for (const store of ["kv:ftp://x/y", "file:http://x/y", "FILE:x", "foo:bar", "kv:redis://x"]) {
    const { code, said } = await run(folder, { args: ["servers/notebook.ts", "--store", store] });
    assertEquals(code, 2, said);
    assertMatch(said, /^notebook: --store: Cannot open a store as [^\n]*$/);
  }
  assertEquals(Array.from(Deno.readDirSync(folder)), []);
});

Deno.test("expandHome() expands ~/ on each system, and refuses a variable that may not be read", () => {
  const env = new Map([["HOME", "/home/me"], ["USERPROFILE", "/users/me"]]);
  for (const [path, expanded] of [["~/a", "/home/me/a"], ["~", "/home/me"], ["a/~/b", "a/~/b"]]) {
    assertEquals(expandHome(path!, { env, os: "linux" }), expanded);
  }
  assertEquals(expandHome("~\\a", { env, os: "linux" }), "~\\a");
  assertMatch(expandHome("~\\a", { env, os: "windows" }), /^[\\/]users[\\/]me[\\/]/);
  const get = () => {
    throw new Deno.errors.NotCapable("Requires env access");
  };
  assertThrows(() => expandHome("~/a", { env: { get } }), TypeError, "may not be read");
});
