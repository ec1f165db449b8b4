/**
 * Makes the package for npm, which runs in Node and Bun: `deno task pack [--out DIR] [--repository URL]`.
 *
 * `--repository` is the address of the sources, which npm asks for in a release with provenance, and to which
 * the links of the pages lead.
 *
 * Types come from `deno pack`, which leaves out what is not public. Modules are bundled by esbuild, which
 * writes anew what Node 22 lacks, such as `using`; what is loaded late stays a file of its own.
 *
 * @module
 */
import { build } from "esbuild";
import { cp, mkdir } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { text } from "../runtime/flag_types.ts";
import { defineProgram, readCommandLine } from "../runtime/flags.ts";
import { ROOT } from "./deno.ts";

const PACK = defineProgram({
  name: "pack",
  flags: {
    out: { type: text("DIR"), help: "folder to make it in (default: dist/ of the checkout)" },
    repository: { type: text("URL"), help: "address of the sources, as npm asks for in a release" },
  },
  help: () => ({
    about: "Makes the package for npm, which runs in Node and Bun. Needs npm.",
    usage: ["deno task pack [flags]"],
  }),
});

/** The rooms that the exports are made of. */
const ROOMS = ["client", "handles", "jsonrpc", "mod.ts", "protocol", "runtime", "servers", "store"];

/** Exports that need Deno itself. */
const DENO_ONLY = ["./serve"];

const config = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
const exports = Object.fromEntries(
  Object.entries<string>(config.exports).filter(([name]) => !DENO_ONLY.includes(name)),
);

/** Users bring the packages that they use: SDK 1 or 2, and the client of their database, and OpenTelemetry. */
const PEERS = {
  "@modelcontextprotocol/client": "^2.0.0",
  "@modelcontextprotocol/sdk": "^1.20.0",
  "@modelcontextprotocol/server": "^2.0.0",
  ...Object.fromEntries(
    ["@opentelemetry/api", "@redis/client"].map((name) => [
      name,
      config.imports[name].split("@").at(-1),
    ]),
  ),
  // npm refuses to install beside an older one than this, also where the store is another.
  "pg": "^8.11.0",
};

async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { NO_COLOR: "1" };
  const child = new Deno.Command(command, { args: [...args], cwd, env });
  const { success, stdout, stderr } = await child.output().catch((cause) => {
    throw new Error(`Cannot start ${command}: is it installed?`, { cause });
  });
  const text = new TextDecoder();
  if (!success) throw new Error(`${command} ${args[0]} failed: ${text.decode(stderr).trim()}`);
  return text.decode(stdout).trim();
}

/** Makes the declarations, and the manifest with the exports, in `folder`/package. */
async function makeTypes(folder: string): Promise<void> {
  const copy = join(folder, "copy");
  for (const name of [...ROOMS, "offline"]) {
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  }
  const { tasks: _tasks, permissions: _permissions, lock: _lock, publish: _publish, ...rest } =
    config;
  await Deno.writeTextFile(join(copy, "deno.json"), JSON.stringify({ ...rest, exports }));
  const packed = join(folder, "deno.tgz");
  await run(Deno.execPath(), ["pack", "--no-source-maps", "--allow-dirty", "-o", packed], copy);
  await run("tar", ["-xzf", packed, "-C", folder], copy);
  for await (const { path } of filesIn(join(folder, "package"))) {
    if (!/\.d\.ts$|^package\.json$/.test(basename(path))) await Deno.remove(path);
  }
}

async function* filesIn(folder: string): AsyncGenerator<{ readonly path: string }> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* filesIn(path);
    else yield { path };
  }
}

async function bundle(folder: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.values(exports),
    outbase: ROOT,
    outdir: folder,
    bundle: true,
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    format: "esm",
    platform: "node",
    target: "node22",
    charset: "utf8",
    external: Object.keys(PEERS),
    // The kit's assertions: small, and the same as of JSR's package in all that the kit asserts.
    alias: { "@std/assert": join(ROOT, "offline/std/assert/mod.ts") },
    logLevel: "warning",
  });
}

async function writeManifest(folder: string, repository: string | undefined): Promise<void> {
  const path = join(folder, "package.json");
  const { dependencies: _dependencies, ...made } = JSON.parse(await Deno.readTextFile(path));
  const manifest = {
    ...made,
    description:
      "Sessions for MCP that outlive the connection, the transport and the server's process",
    keywords: ["mcp", "modelcontextprotocol", "session", "sqlite", "redis", "postgres"],
    ...(repository !== undefined && { repository: { type: "git", url: `git+${repository}.git` } }),
    engines: { node: ">=22.16" },
    peerDependencies: PEERS,
    peerDependenciesMeta: Object.fromEntries(
      Object.keys(PEERS).map((name) => [name, { optional: true }]),
    ),
  };
  await Deno.writeTextFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Copies a page. Its links lead to the sources of this version; without their address they are plain text. */
async function copyPage(page: string, target: string, repository: string | undefined) {
  const text = await Deno.readTextFile(join(ROOT, page));
  const linked = text.replaceAll(/\[([^\]]+)\]\((?!https:|#)([^)]+)\)/g, (_, label, link) => {
    if (repository === undefined) return label;
    return `[${label}](${new URL(link, `${repository}/blob/v${config.version}/${page}`)})`;
  });
  await Deno.writeTextFile(target, linked);
}

const { out = join(ROOT, "dist"), repository } = readCommandLine(PACK, ({ flags }) => flags);
const folder = await Deno.makeTempDir({ prefix: "mcp-sessions-pack-" });
try {
  await makeTypes(folder);
  const made = join(folder, "package");
  await bundle(made);
  await writeManifest(made, repository);
  await copyPage("docs/node.md", join(made, "README.md"), repository);
  await copyPage("CHANGELOG.md", join(made, "CHANGELOG.md"), repository);
  await cp(join(ROOT, "LICENSE"), join(made, "LICENSE"));
  const target = resolve(out);
  await mkdir(target, { recursive: true });
  const file = await run("npm", ["pack", "--silent", `--pack-destination=${target}`], made);
  console.log(`Packed ${relative(Deno.cwd(), join(target, file))}`);
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(`Cannot pack: ${error.message}`);
  Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
