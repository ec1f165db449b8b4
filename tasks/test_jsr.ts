/**
 * Runs the suite, long tests too, against the real `@std` packages: in a copy of the project without
 * its `links`. The programs of README and examples go on with the stand-ins, as they link them.
 *
 * @module
 */
import { cp } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { readNoFlags } from "../runtime/flags.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const IGNORED =
  "tests/foreign,tests/hosts,tests/package,tests/**/*_db_test.ts,tests/**/*_browser_test.ts";
const LEFT_OUT = new Set([".git", "coverage", "deno.lock", "dist", "node_modules"]);

const [first = ""] = Deno.args;
if (first === "--help" || first === "-h") {
  readNoFlags(
    "test:jsr",
    "Runs the suite, long tests too, against the real @std packages. Needs JSR. Passes what follows on to " +
      "deno test.",
  );
}

const copy = await Deno.makeTempDir({ prefix: "mcp-sessions-jsr-" });
try {
  await cp(ROOT, copy, { recursive: true, filter: (path) => !LEFT_OUT.has(relative(ROOT, path)) });
  const { links: _links, ...config } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  await Deno.writeTextFile(join(copy, "deno.json"), JSON.stringify(config));
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--doc",
      "--parallel",
      `--ignore=${IGNORED}`,
      ...Deno.args,
    ],
    cwd: copy,
  }).spawn().status;
  Deno.exitCode = code;
} finally {
  await Deno.remove(copy, { recursive: true });
}
