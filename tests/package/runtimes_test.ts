/** The packed package in Node and Bun, installed by npm, with the programs of docs/node.md. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { freePort } from "../support/databases/free_port.ts";
import { ROOT } from "../house/pages.ts";
import { installRuntimes } from "../support/npm_packages.ts";
import { checkConformance, npmProject, pack, SDKS } from "../support/npm_project.ts";
import { output } from "../support/output.ts";
import { type TempFolder, tempFolder } from "../support/temp_folder.ts";

const HONO = "@hono/node-server@2";

const folder = await tempFolder();
Deno.test.afterAll(async () => await folder[Symbol.asyncDispose]());
const packed = await pack(folder.path);
const runtimes = Object.entries(await installRuntimes());
const [SDK_1_20, SDK_1, SDK_2] = SDKS;
const project = await npmProject(packed, SDK_1, HONO);
Deno.test.afterAll(async () => await project[Symbol.asyncDispose]());

/** Runs a program of a project. @returns Its standard output, but for the runtime's own. */
async function run(
  binary: string,
  cwd: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const said = await output(binary, { args: [...args], cwd, env: { NO_COLOR: "1", ...env } });
  assert(said.success, `${args.join(" ")}: ${said.stdout}${said.stderr}`);
  return said.stdout.trim();
}

/** A program of HTTP with a port of its own in place of the page's. @returns The arguments of life.ts. */
async function onFreePort(cwd: string, program: string): Promise<string[]> {
  const port = freePort();
  const text = (await Deno.readTextFile(`${cwd}/${program}`)).replaceAll("8765", `${port}`);
  const own = `${port}_${program}`;
  await Deno.writeTextFile(`${cwd}/${own}`, text);
  return ["life.ts", "http", own, `http://127.0.0.1:${port}/mcp`];
}

/** A client whose server is killed in between goes on with its session. */
async function checkLives({ path }: TempFolder): Promise<void> {
  for (const [name, binary] of runtimes) {
    const programs = [["life.ts", "stdio", "server.ts"], await onFreePort(path, "http.ts")];
    if (name === "Bun") programs.push(await onFreePort(path, "http_bun.ts"));
    for (const args of programs) assertEquals(await run(binary, path, args), "lived", name);
  }
}

Deno.test("package: packed without the sources' address, its pages have no link that leads nowhere", async () => {
  for (const page of ["CHANGELOG.md", "README.md"]) {
    const text = await Deno.readTextFile(
      join(project.path, "node_modules/@mcp-sessions/deno", page),
    );
    assertEquals(text.match(/\]\((?!https:|#)[^)]*\)/g), null, page);
  }
});

Deno.test("package: a session outlives its server in Node and Bun, on stdio and HTTP", () =>
  checkLives(project));

for (const sdk of [SDK_1_20, SDK_2]) {
  Deno.test(`package: a session outlives its server with ${sdk.name} too`, async () => {
    await using other = await npmProject(packed, sdk, HONO);
    await checkLives(other);
  });
}

Deno.test("package: all of it in one process, and the client of docs/node.md, in Node and Bun", async () => {
  for (const [name, binary] of runtimes) {
    assertEquals(await run(binary, project.path, ["one_process.ts"]), "booked", name);
    assertMatch(await run(binary, project.path, ["client.ts"]), /Call 1 of this session[^]*sess-/);
  }
});

Deno.test("package: examples/node_http runs in Node and Bun as it stands there", async () => {
  const folder = join(project.path, "node_http");
  await Deno.mkdir(folder);
  for (const file of ["server.ts", "client.ts"]) {
    await Deno.copyFile(join(ROOT, "examples/node_http", file), join(folder, file));
  }
  for (const [name, binary] of runtimes) {
    assertMatch(
      await run(binary, folder, ["client.ts"]),
      /It goes on in the same session\.$/,
      name,
    );
  }
});

Deno.test("package: CommonJS has each export by require() in Node and Bun", async () => {
  const program =
    `const { exports: all } = require("./node_modules/@mcp-sessions/deno/package.json");
    for (const name of Object.keys(all)) require("@mcp-sessions/deno" + name.slice(1));
    console.log(Object.keys(all).length);`;
  await Deno.writeTextFile(`${project.path}/required.cjs`, program);
  for (const [name, binary] of runtimes) {
    assertEquals(await run(binary, project.path, ["required.cjs"]), "9", name);
  }
});

Deno.test("package: what needs Deno says so in one line in Node and Bun, and makes no file", async () => {
  const before = Array.from(Deno.readDirSync(project.path), ({ name }) => name).sort();
  for (const [name, binary] of runtimes) {
    const lines = (await run(binary, project.path, ["needs_deno.ts"])).split("\n");
    assertEquals(lines.length, 8, name);
    for (const line of lines) assertMatch(line, /^Cannot open .*needs Deno.* sqlite:PATH/, name);
  }
  const after = Array.from(Deno.readDirSync(project.path), ({ name }) => name).sort();
  assertEquals(after, before);
});

Deno.test("package: a pipe in place of an SQLite database is refused in Node and Bun", async () => {
  await output("mkfifo", { args: ["-m", "600", join(project.path, "pipe.db")] });
  // Without a reader, a failure of this test would hang.
  const program = `import { constants, openSync } from "node:fs";
    import { openStore } from "@mcp-sessions/deno/store";
    openSync("pipe.db", constants.O_RDONLY | constants.O_NONBLOCK);
    await openStore("sqlite:pipe.db", { namespace: "n" }).catch((e) => console.log(e.message));`;
  await Deno.writeTextFile(`${project.path}/pipe.mjs`, program);
  for (const [name, binary] of runtimes) {
    assertMatch(await run(binary, project.path, ["pipe.mjs"]), /it is a pipe: name a file$/, name);
  }
});

for (const store of ["memory:", "sqlite:"]) {
  Deno.test(`package: ${store} holds to the contract of a store in Node and Bun`, async () => {
    await Promise.all(
      runtimes.map(([name, binary]) => checkConformance(project.path, binary, name, store)),
    );
  });
}

const CLIENTS = { "redis://127.0.0.1:1": "@redis/client", "postgres://u@127.0.0.1:1/d": "pg" };

Deno.test("package: without a database's client, the error names the package that is missing", async () => {
  for (const [url, missing] of Object.entries(CLIENTS)) {
    const program = `import { openStore } from "@mcp-sessions/deno/store";
      await openStore("${url}", { namespace: "n" }).catch((e) => console.log(e.message));`;
    await Deno.writeTextFile(`${project.path}/missing.mjs`, program);
    for (const [name, binary] of runtimes) {
      const said = await run(binary, project.path, ["missing.mjs"]);
      assert(said.includes(`package '${missing}'`), `${name}: ${said}`);
    }
  }
});
