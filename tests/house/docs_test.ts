/** The pages that people read: what they link and name is there, and their blocks are run. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { posix } from "node:path";
import { statIfAny } from "../../store/journal/fs.ts";
import { DOCS, type Page, PAGES, readPage, ROOT } from "./pages.ts";
import { initialized } from "./starting.ts";

const isThere = (path: string) => statIfAny(posix.join(ROOT, path)) !== undefined;

/** The most lines that a page may have. */
const MAX_LINES = { "README.md": 150, "ARCHITECTURE.md": 80 };

/** What runs the blocks of a kind, wherever they stand. */
function runsAnyway({ path }: Page, kind: string): boolean {
  // `deno test --doc`, the test of hosts' JSON below, and protocol_examples_test.ts.
  return kind === "ts" || kind === "jsonc" || (kind === "json" && path === "PROTOCOL.md");
}

for (const page of PAGES) {
  Deno.test(`${page.path}: says of every block what runs it, or why nothing does`, () => {
    for (const { kind, text, remark = "" } of page.blocks) {
      if (kind === "text" || runsAnyway(page, kind)) continue;
      const [, test] = /^(?:run by |not run: .+; )(tests\/\S+\.ts)/.exec(remark) ?? [];
      if (test !== undefined) assert(isThere(test), `${test} is not there`);
      else assert(/^not run: .+/.test(remark), `nothing says whether this is run:\n${text}`);
    }
  });

  Deno.test(`${page.path}: every link leads to a file, and to a heading that is in it`, () => {
    for (const link of page.links.filter((link) => !/^https?:/.test(link))) {
      const [file = "", heading] = link.split("#");
      const target = file === "" ? page.path : posix.join(posix.dirname(page.path), file);
      assert(isThere(target), `${link}: there is no ${target}`);
      if (heading === undefined) continue;
      assert(readPage(target).anchors.has(heading), `${link}: ${target} has no such heading`);
    }
  });
}

for (const page of [readPage("README.md"), ...DOCS]) {
  const blocks = page.blocks.filter(({ kind }) => kind === "jsonc");
  if (blocks.length === 0) continue;
  Deno.test(`${page.path}: every server in its JSON for hosts starts as it stands there`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      for (const { text } of blocks) {
        for (const [name, { command, args }] of Object.entries(serversIn(text))) {
          const inPlace = args.map((arg) => arg.replace("/path/to/mcp-sessions", ROOT));
          assertEquals(await initialized([command, ...inPlace], { cwd: folder, folder }), name);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** What a host reads of its configuration. */
function serversIn(text: string): Record<string, { command: string; args: string[] }> {
  return JSON.parse(text).mcpServers;
}

Deno.test("README: leads to every page", () => {
  const { links } = readPage("README.md");
  for (const { path } of PAGES) {
    if (path !== "README.md") assert(links.includes(path), `README has no link to ${path}`);
  }
});

Deno.test("pages: none has more lines than it may", () => {
  for (const [path, most] of Object.entries(MAX_LINES)) {
    const count = readPage(path).text.trimEnd().split("\n").length;
    assert(count <= most, `${path} has ${count} lines, more than ${most}: move what is not first`);
  }
});

Deno.test("pages: every task that they name is there", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(posix.join(ROOT, "deno.json")));
  for (const { path, text } of PAGES) {
    for (const [, task = ""] of text.matchAll(/deno task (?:-q )?([a-z_:]+)/g)) {
      assert(Object.hasOwn(tasks, task), `${path}: deno.json has no task ${task}`);
    }
  }
});

for (const path of ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"]) {
  Deno.test(`${path}: every file and folder that it names is there`, () => {
    const named = readPage(path).text.matchAll(
      /(?<![\w@./-])(?:(?:[\w-]+\/)+[\w.-]*|[\w-]+\.(?:ts|md|json)\b)/g,
    );
    const paths = Array.from(named, ([path]) => path);
    assert(paths.length > 10);
    assertEquals(paths.filter((path) => !isThere(path)), [], `${path} names what is not there`);
  });
}

Deno.test("ARCHITECTURE: names every folder of the project's own", async () => {
  const { text } = readPage("ARCHITECTURE.md");
  for await (const { name, isDirectory } of Deno.readDir(ROOT)) {
    if (
      !isDirectory || name.startsWith(".") || ["coverage", "dist", "node_modules"].includes(name)
    ) {
      continue;
    }
    assertStringIncludes(text, `\`${name}/`);
  }
});
