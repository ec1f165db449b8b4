/** The packed package: its files, its manifest, and its types under `tsc` with each SDK. */

import { assert, assertEquals } from "@std/assert";
import { join, posix } from "node:path";
import { ROOT } from "../house/pages.ts";
import { installNpmPackages } from "../support/npm_packages.ts";
import { npmProject, pack, SDKS } from "../support/npm_project.ts";
import { output } from "../support/output.ts";
import { tempFolder } from "../support/temp_folder.ts";

const folder = await tempFolder();
Deno.test.afterAll(async () => await folder[Symbol.asyncDispose]());
const REPOSITORY = "https://git.example/owner/project";
const packed = await pack(join(folder.path, "dist"), "--repository", REPOSITORY);
const files = await filesOf(packed);

const config = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
const manifest = JSON.parse(files.get("package.json") ?? "null");

/** The texts of the files in a tarball, by path. */
async function filesOf(tarball: string): Promise<ReadonlyMap<string, string>> {
  const { success, stderr } = await output("tar", { args: ["-xzf", tarball, "-C", folder.path] });
  assert(success, stderr);
  const found = new Map<string, string>();
  const walk = (path: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(join(folder.path, "package", path))) {
      const each = posix.join(path, name);
      if (isDirectory) walk(each);
      else found.set(each, Deno.readTextFileSync(join(folder.path, "package", each)));
    }
  };
  walk(".");
  return found;
}

Deno.test("package: has the name, version and exports of deno.json, but for what needs Deno", () => {
  const { "./serve": _serve, ...exports } = config.exports;
  assertEquals([manifest.name, manifest.version], [config.name, config.version]);
  assertEquals(Object.keys(manifest.exports).sort(), Object.keys(exports).sort());
  assertEquals(manifest.dependencies, undefined);
  for (const name of Object.keys(manifest.peerDependencies)) {
    assertEquals(manifest.peerDependenciesMeta[name], { optional: true });
  }
});

Deno.test("package: has no file that nothing leads to, and no source map", () => {
  const pages = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
  const reached = new Set(pages);
  const visit = (path: string) => {
    if (reached.has(path)) return;
    const text = files.get(path);
    assert(text !== undefined, `${path} is not there`);
    reached.add(path);
    const code = text.replaceAll(/\/\*[^]*?\*\//g, "");
    for (const [, target = ""] of code.matchAll(/(?:from |import |import\()"(\.[^"]+)"/g)) {
      const next = posix.join(posix.dirname(path), target);
      visit(path.endsWith(".d.ts") ? next.replace(/\.js$/, ".d.ts") : next);
    }
  };
  for (const each of Object.values<Record<string, string>>(manifest.exports)) {
    for (const target of Object.values(each)) visit(posix.normalize(target));
  }
  assertEquals([...files.keys()].sort(), [...reached].sort());
  for (const [path, text] of files) assert(!text.includes("sourceMappingURL="), path);
});

Deno.test("package: npm takes the line of the release's workflow for this file, by its dry run", async () => {
  const workflow = await Deno.readTextFile(join(ROOT, ".github/workflows/publish.yml"));
  const [, line = ""] = /- run: (npm publish .*)/.exec(workflow) ?? [];
  const args = ["-c", `${line} --dry-run`];
  const { success, stdout, stderr } = await output("sh", { args, cwd: folder.path });
  assert(success, stderr);
  assertEquals(stdout.trim(), `+ ${config.name}@${config.version}`);
});

Deno.test("package: the links of its pages lead to the sources of its version", () => {
  const base = `${REPOSITORY}/blob/v${config.version}/`;
  for (const page of ["CHANGELOG.md", "README.md"]) {
    const links = Array.from(
      files.get(page)?.matchAll(/\]\(([^)\s]+)\)/g) ?? [],
      ([, to = ""]) => to,
    );
    assert(links.some((link) => link.startsWith(base)), page);
    for (const link of links) {
      assert(/^(?:https:|#)/.test(link), `${page}: ${link}`);
      const path = link.startsWith(base) ? link.slice(base.length).replace(/#.*/, "") : "";
      assert(Deno.statSync(join(ROOT, path)), link);
    }
  }
  assertEquals(manifest.repository, { type: "git", url: `git+${REPOSITORY}.git` });
});

Deno.test("package: loads an SDK only for McpServer, and none in the layers of server and client", () => {
  const loading = [...files].filter(([path, text]) =>
    path.endsWith(".js") && /from "@modelcontextprotocol/.test(text)
  );
  assertEquals(loading.length, 1);
  for (const path of ["servers/base/layer.js", "client/mod.js", "store/mod.js"]) {
    const [[chunk = ""] = []] = loading;
    assert(!files.get(path)?.includes(posix.basename(chunk)), `${path} loads ${chunk}`);
  }
});

/** Uses that must pass besides the programs. */
const TYPES = `
import { httpHandler, sessionLayer, StatelessHttpTransport } from "@mcp-sessions/deno/layer";
import { withSession } from "@mcp-sessions/deno/client";
import { FileStore, KvStore, MemoryStore } from "@mcp-sessions/deno/store";
import { testSessionStore } from "@mcp-sessions/deno/store/conformance";
import { SqliteStore } from "@mcp-sessions/deno/store/sqlite";
import { RedisStore } from "@mcp-sessions/deno/store/redis";
import { PostgresStore } from "@mcp-sessions/deno/store/postgres";
import { Client } from "./sdk.ts";

const transport = new StatelessHttpTransport();
const client = new Client({ name: "types", version: "1.0.0" });
export const connecting = client.connect(withSession(() => transport));
export const layer = sessionLayer(transport, { store: new MemoryStore() });
export const handler: (request: Request) => Promise<Response> = httpHandler(transport, { hosts: [] });
export const stores = [FileStore, KvStore, SqliteStore, RedisStore, PostgresStore, testSessionStore];

// @ts-expect-error: there is no such policy.
sessionLayer(transport, { store: new MemoryStore(), policy: "none" });
// @ts-expect-error: a client is no transport.
sessionLayer(client, { store: new MemoryStore() });
`;

for (const sdk of SDKS) {
  Deno.test(`package: tsc takes it with ${sdk.name}, strict and without skipLibCheck`, async () => {
    const { node } = await installNpmPackages({});
    // The older compiler takes five times as long, so it has one turn.
    const versions = sdk === SDKS[1] ? ["5.9.3", "7.0.2"] : ["7.0.2"];
    const compilers = versions.map((version) => `typescript-${version}@npm:typescript@${version}`);
    const others = ["@hono/node-server@2", "@types/node@22", ...compilers];
    await using project = await npmProject(packed, sdk, ...others);
    const { path } = project;
    await Deno.writeTextFile(join(path, "types.ts"), TYPES);
    const compilerOptions = {
      strict: true,
      // The types of SDK 1.20 themselves do not hold under it.
      exactOptionalPropertyTypes: sdk !== SDKS[0],
      skipLibCheck: false,
      noEmit: true,
      module: "nodenext",
      target: "es2022",
      types: ["node"],
      allowImportingTsExtensions: true,
    };
    // Bun has types of its own.
    const settings = { compilerOptions, include: ["*.ts"], exclude: ["http_bun.ts"] };
    await Deno.writeTextFile(join(path, "tsconfig.json"), JSON.stringify(settings));
    for (const version of versions) {
      const args = [join("node_modules", `typescript-${version}`, "bin/tsc")];
      const { success, stdout, stderr } = await output(node, { args, cwd: path });
      assert(success, `TypeScript ${version}: ${stdout}${stderr}`);
    }
  });
}
