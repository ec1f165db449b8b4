/** A project of npm in a temporary folder, with the packed package in it. */

import { assert } from "@std/assert";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { blockWith } from "../house/pages.ts";
import { npm } from "./npm_packages.ts";
import { output } from "./output.ts";
import { type TempFolder, tempFolder } from "./temp_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FIXTURES = join(ROOT, "tests/fixtures/package");

/** Packs the package into `folder`. @returns Its path. */
export async function pack(folder: string, ...flags: readonly string[]): Promise<string> {
  const args = ["run", "-A", "tasks/pack.ts", "--out", folder, ...flags];
  const { success, stderr } = await output(Deno.execPath(), { args, cwd: ROOT });
  assert(success, stderr);
  const [made] = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  assert(made !== undefined && made.endsWith(".tgz"), made);
  return join(folder, made);
}

/** The packages of one generation of the SDK, and the programs of docs/node.md for it. */
export interface Sdk {
  readonly name: string;
  readonly packages: readonly string[];
  readonly generation: 1 | 2;
}

export const SDKS: readonly [Sdk, Sdk, Sdk] = [
  { name: "SDK 1.20", packages: ["@modelcontextprotocol/sdk@1.20.2"], generation: 1 },
  { name: "SDK 1.32", packages: ["@modelcontextprotocol/sdk@1.32.2"], generation: 1 },
  {
    name: "SDK 2",
    packages: ["@modelcontextprotocol/server@2.4.0", "@modelcontextprotocol/client@2.4.0"],
    generation: 2,
  },
];

/** Installs the packed package and others by npm, beside the programs of docs/node.md and the fixtures. */
export async function npmProject(
  packed: string,
  { generation, packages }: Sdk,
  ...others: readonly string[]
): Promise<TempFolder> {
  const folder = await tempFolder();
  const { path } = folder;
  await Deno.writeTextFile(join(path, "package.json"), '{ "private": true, "type": "module" }\n');
  const flags = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  await npm(["install", ...flags, "--loglevel=error", packed, ...packages, ...others], path);
  for (const [name, text] of Object.entries(programs(generation))) {
    await Deno.writeTextFile(join(path, name), text);
  }
  for (const name of ["life.ts", "conformance.ts", "memory_skips.ts", "needs_deno.ts"]) {
    await Deno.copyFile(join(FIXTURES, name), join(path, name));
  }
  if (generation === 1) {
    for (const name of ["sdk.ts", "one_process.ts"]) {
      await Deno.copyFile(join(FIXTURES, name), join(path, name));
    }
  }
  return folder;
}

/** Runs the conformance kit over a store, by the test runner of Node or Bun. */
export async function checkConformance(
  cwd: string,
  binary: string,
  runtime: string,
  store: string,
): Promise<void> {
  const args = runtime === "Bun" ? ["test", "./conformance.ts"] : ["--test", "conformance.ts"];
  const env = { NO_COLOR: "1", TEST_STORE: store };
  const { success, stdout, stderr } = await output(binary, { args, cwd, env });
  const report = `${stdout}${stderr}`;
  assert(success, `${runtime}: ${report}`);
  const passed = Number(/\bpass (\d+)|(\d+) pass\n/.exec(report)?.slice(1).join(""));
  assert(passed > 70, `${runtime} ran ${passed} cases: ${report}`);
}

const block = (text: string) => blockWith("docs/node.md", text);

/** The programs of the page, with the imports of one generation of the SDK. */
function programs(generation: 1 | 2): Record<string, string> {
  const server = block("new StdioServerTransport()");
  const http = block("createServer(getRequestListener(handler))");
  const client = block("new StdioClientTransport({");
  const lastLine = /^createServer\(.*\n/m;
  assert(lastLine.test(http));
  const made = {
    "server.ts": server,
    "http.ts": http,
    "http_bun.ts": http.replace(lastLine, block("Bun.serve(")),
    "client.ts": client,
  };
  if (generation === 1) return made;
  const [servers, clients] = [block('protocol/server";'), block('protocol/client";')];
  const imports = `${servers}${clients}`.match(/^import .*$/gm) ?? [];
  assert(imports.length === 4, `${imports}`);
  return {
    "sdk.ts": clients.replaceAll("import ", "export "),
    ...Object.fromEntries(
      Object.entries(made).map(([name, text]) => [name, withImports(text, imports)]),
    ),
  };
}

/** A program with other imports in place of those of the same names. */
function withImports(program: string, imports: readonly string[]): string {
  return program.replaceAll(
    /^import \{ (\w+) \} from "@modelcontextprotocol\/.*$/gm,
    (_, name: string) => {
      const from = imports.find((each) => new RegExp(`\\b${name}\\b`).test(each));
      assert(from !== undefined, name);
      return from.replace(/\{.*\}/, `{ ${name} }`);
    },
  );
}
