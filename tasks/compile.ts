/**
 * Makes one binary for each server: `deno task compile [--out DIR]`.
 *
 * @module
 */
import { isAbsolute, join, relative, resolve } from "node:path";
import { text } from "../runtime/flag_types.ts";
import { defineProgram, readCommandLine } from "../runtime/flags.ts";
import { deno, ROOT, SERVERS, stop } from "./deno.ts";

const COMPILE = defineProgram({
  name: "compile",
  flags: {
    out: { type: text("DIR"), help: "folder to make them in (default: dist/ of the checkout)" },
  },
  help: () => ({
    about: "Makes one binary for each server.",
    usage: ["deno task compile [flags]"],
  }),
});

const config = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
const PERMISSIONS = [
  "--no-prompt",
  `--allow-env=${config.permissions.stdio.env}`,
  "--allow-read",
  "--allow-write",
  "--allow-net",
];

/** Where Deno failed to get its base binary, and why, if that went wrong. */
function failedDownload(said: string): string | undefined {
  const address = /^Download (\S+)/m.exec(said)?.[1];
  const reason = said.split("\n").at(-1)?.replace(/^\s*(\d+: )?/, "");
  return address && said.includes("base binary") ? `${address} (${reason})` : undefined;
}

const { out = join(ROOT, "dist") } = readCommandLine(COMPILE, ({ flags }) => flags);
const folder = resolve(out);
const extension = Deno.build.os === "windows" ? ".exe" : "";

console.log(`Checking ${SERVERS.length} servers`);
const sources = SERVERS.map((name) => `servers/${name}.ts`);
const checked = await deno(["check", ...sources]);
if (!checked.success) stop(checked.stderr);

for (const [index, name] of SERVERS.entries()) {
  const binary = join(folder, `${name}${extension}`);
  const shown = relative(Deno.cwd(), binary);
  const target = shown.startsWith("..") || isAbsolute(shown) ? binary : shown;
  console.log(`Compiling ${target} (${index + 1} of ${SERVERS.length})`);
  const args = [...PERMISSIONS, "--output", binary, `servers/${name}.ts`];
  const { success, stderr: said } = await deno(["compile", "--no-check", ...args]);
  if (success) continue;
  const download = failedDownload(said);
  stop(
    download
      ? `Cannot compile ${name} as Deno's base binary could not be downloaded from ${download}. ` +
        `The module graphs of all servers are sound. Try again where that address can be reached, ` +
        `or set DENORT_BIN to a copy of that binary.`
      : said,
  );
}
