/**
 * Makes one binary for each server: `deno task compile [--out DIR]`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SERVERS = ["session", "session_required", "notebook", "hashcheck"];
const ENVIRONMENT = [
  "CLAUDE_CODE_SESSION_ID",
  "QWEN_CODE_SESSION_ID",
  "GROK_SESSION_ID",
  "ANTIGRAVITY_CONVERSATION_ID",
  "MCP_SESSIONS_STORE",
  "XDG_STATE_HOME",
  "HOME",
  "LOCALAPPDATA",
  "DENO_KV_ACCESS_TOKEN",
];
const PERMISSIONS = [
  "--no-prompt",
  `--allow-env=${ENVIRONMENT}`,
  "--allow-read",
  "--allow-write",
  "--allow-net",
];
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Runs Deno in the project's folder; gives its output, without colors and backtraces. */
async function deno(...args: string[]): Promise<{ success: boolean; said: string }> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0" },
    stdout: "null",
  }).output();
  return { success, said: new TextDecoder().decode(stderr).trim() };
}

/** Where Deno failed to get its base binary, and why, if that went wrong. */
function failedDownload(said: string): string | undefined {
  const address = /^Download (\S+)/m.exec(said)?.[1];
  const reason = said.split("\n").at(-1)?.replace(/^\s*(\d+: )?/, "");
  return address && said.includes("base binary") ? `${address} (${reason})` : undefined;
}

function stop(line: string): never {
  console.error(line);
  Deno.exit(1);
}

const { out } = parseArgs(Deno.args, {
  string: ["out"],
  default: { out: join(ROOT, "dist") },
  unknown: (arg) => stop(`Cannot compile as an argument is not known: current value is "${arg}"`),
});
const folder = resolve(out);
const extension = Deno.build.os === "windows" ? ".exe" : "";

console.log(`Checking ${SERVERS.length} servers`);
const sources = SERVERS.map((name) => `servers/${name}.ts`);
const checked = await deno("check", ...sources);
if (!checked.success) stop(checked.said);

for (const [index, name] of SERVERS.entries()) {
  const binary = join(folder, `${name}${extension}`);
  const shown = relative(Deno.cwd(), binary);
  const target = shown.startsWith("..") || isAbsolute(shown) ? binary : shown;
  console.log(`Compiling ${target} (${index + 1} of ${SERVERS.length})`);
  const args = ["--no-check", ...PERMISSIONS, "--output", binary, `servers/${name}.ts`];
  const { success, said } = await deno("compile", ...args);
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
