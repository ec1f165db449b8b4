/** The examples, run as a newcomer runs them: the exit status is the verdict, also of a broken one. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { blockWith, readPage, ROOT } from "../house/pages.ts";
import { runProgram } from "../support/run_program.ts";
import { tempFolder } from "../support/temp_folder.ts";

/** The most lines that a file of an example may have. */
const MAX_LINES = 120;

/** What breaks the server of each example. */
const BREAKS: Readonly<Record<string, readonly [from: string, to: string]>> = {
  cart: ['browse: "optional"', 'browse: "optional", add: "auto"'],
  counter: ["`file:${import.meta.dirname}/calls.jsonl`", '"memory:"'],
  hono: [", authenticate }", " }"],
  node_http: ["openStore(STORE", 'openStore("memory:"'],
  orchestrator: ["await currentSession().regenerate();", ""],
  sdk_2: ['set("text", text)', 'set("text", "lost")'],
  wizard: ['set("table"', 'set("chair"'],
};

const NAMES = Array.from(Deno.readDirSync(join(ROOT, "examples")))
  .filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();

Deno.test("examples: each has a way to break it, short files, and a line in docs/examples.md", async () => {
  assertEquals(NAMES, Object.keys(BREAKS));
  const { text } = readPage("docs/examples.md");
  for (const name of NAMES) {
    assertStringIncludes(text, `](../examples/${name}/server.ts)`);
    for (const file of ["server.ts", "client.ts"]) {
      const path = `examples/${name}/${file}`;
      const source = await Deno.readTextFile(join(ROOT, path));
      assert(source.split("\n").length <= MAX_LINES, `${path} is long`);
      assertStringIncludes(source, `deno run -A ${path}`);
    }
  }
});

for (const name of NAMES) {
  Deno.test(`examples/${name}: its client finds all as it should be, in plain words`, async () => {
    const client = join(ROOT, "examples", name, "client.ts");
    const { code, stdout, stderr } = await runProgram([client]);
    assertEquals(code, 0, stderr);
    assert(stdout.trim().split("\n").length > 1, stdout);
  });

  Deno.test(`examples/${name}: its client ends with status 1 if the server is broken`, async () => {
    await using folder = await tempFolder();
    const config = await Deno.readTextFile(join(ROOT, "examples/deno.json"));
    const { links, ...settings } = JSON.parse(config);
    const absolute = links.map((link: string) => join(ROOT, "examples", link));
    const [from, to] = BREAKS[name]!;
    const read = (file: string) => Deno.readTextFile(join(ROOT, "examples", name, file));
    const server = await read("server.ts");
    assertStringIncludes(server, from);
    const files = {
      "deno.json": JSON.stringify({ ...settings, links: absolute }),
      "client.ts": await read("client.ts"),
      "server.ts": server.replace(from, to),
    };
    for (const [file, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(folder.path, file), text);
    }
    // What a client that fails leaves behind is below the folder too.
    const env = { TMPDIR: folder.path };
    const { code, stderr } = await runProgram([join(folder.path, "client.ts")], env);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, "AssertionError");
  });
}

/** The program of an example, without the comment at its head. */
async function programOf(name: string): Promise<string> {
  const source = await Deno.readTextFile(join(ROOT, "examples", name, "server.ts"));
  return source.slice(source.indexOf("*/\n\n") + 4);
}

Deno.test("README: its program is examples/counter/server.ts", async () => {
  const block = blockWith("README.md", "new StdioServerTransport()");
  assertEquals(block, await programOf("counter"));
});

Deno.test("docs/library.md: its program for SDK 2 is examples/sdk_2/server.ts", async () => {
  const block = blockWith("docs/library.md", "npm:@modelcontextprotocol/server");
  // Its project names no packages, while the examples' `deno.json` does.
  assertEquals(block.replaceAll(/"npm:(.+)@\^[\d.]+"/g, '"$1"'), await programOf("sdk_2"));
});
