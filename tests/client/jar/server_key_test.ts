/** Server keys: which URLs and command lines are one server to a jar. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { commandKey, serverKey } from "../../../client/jar/server_key.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** The key of a command line for a process in this folder. */
async function keyIn(folder: string, ...argv: string[]): Promise<string[]> {
  const code = `const { commandKey } = await import(${
    JSON.stringify(new URL("../../../client/jar/server_key.ts", import.meta.url).href)
  }); console.log(commandKey(Deno.args));`;
  const args = ["eval", code, "--", ...argv];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("commandKey: makes paths of files and folders absolute", async () => {
  assertEquals(
    await keyIn(
      `${ROOT}servers`,
      "deno",
      "run",
      "-A",
      "./session.ts",
      "--config=../deno.json",
      "..",
      "servers",
    ),
    [
      "deno",
      "run",
      "-A",
      `${ROOT}servers/session.ts`,
      `--config=${ROOT}deno.json`,
      ROOT.slice(0, -1),
      "servers",
    ],
  );
  assertEquals(await keyIn(ROOT, ".ci/run", "servers"), [`${ROOT}.ci/run`, "servers"]);
});

Deno.test("commandKey: leaves what names no file unchanged", () => {
  const argv = ["npx", "-y", "some-server", "--store=kv:nowhere", "--url", "http://a.example/b"];
  assertEquals(JSON.parse(commandKey(argv)), argv);
});

const SECRET = "s3cret";

Deno.test.each<readonly [one: string, other: string, same: boolean]>([
  ["https://example.com/mcp", "https://example.com/mcp", true],
  ["HTTPS://EXAMPLE.com:443/a/../mcp", "https://example.com/mcp", true],
  [`https://me:${SECRET}@example.com/mcp#${SECRET}`, "https://example.com/mcp", true],
  ["https://example.com/mcp", `https://${SECRET}@example.com/mcp#?${SECRET}`, true],
  ["https://example.com/mcp?", "https://example.com/mcp", true],
  ["https://example.com/mcp?#a", "https://example.com/mcp", true],
  [
    `HTTPS://me:${SECRET}@EXAMPLE.com:443/mcp?key=${SECRET}#a`,
    `https://example.com/mcp?key=${SECRET}`,
    true,
  ],
  [`https://example.com/mcp?key=${SECRET} x`, `https://example.com/mcp?key=${SECRET}%20x`, true],
  [`https://example.com/mcp?key=${SECRET}`, "https://example.com/mcp", false],
  ["https://example.com/mcp?a", "https://example.com/mcp?b", false],
  ["https://example.com/mcp?a&b", "https://example.com/mcp?b&a", false],
  ["https://example.com/mcp?a", "https://example.com/mcp?A", false],
  ["https://example.com/mcp?a", "https://example.com/mcp/?a", false],
  ["https://example.com/mcp?a", "https://example.org/mcp?a", false],
  ["https://example.com/mcp?a", "https://example.com/mcp%3Fa", false],
  ["http://example.com/mcp", "https://example.com/mcp", false],
  ["https://example.com:8443/mcp", "https://example.com/mcp", false],
  ["https://mcp.example.com/mcp", "https://example.com/mcp", false],
  ["https://example.com.evil.example/mcp", "https://example.com/mcp", false],
  ["https://example.com@evil.example/mcp", "https://example.com/mcp", false],
  ["https://evil.example/?https://example.com/mcp", "https://example.com/mcp", false],
  ["https://example.com/other", "https://example.com/mcp", false],
  ["https://example.com/MCP", "https://example.com/mcp", false],
  ['["deno","run","a.ts"]', '["deno","run","a.ts"]', true],
  ['["deno","run","a.ts"]', '["deno","run","a.ts",""]', false],
  ["C:\\server.exe", "c:\\server.exe", false],
])("serverKey: %s and %s are one server: %s", (one, other, same) => {
  assertEquals(serverKey(one) === serverKey(other), same);
  assert(!serverKey(one).includes(SECRET) && !serverKey(other).includes(SECRET));
});

Deno.test("serverKey: is the key of itself", () => {
  const url = "https://me:s3cret@example.com:443/mcp?key=s3cret#s3cret";
  const key = serverKey(url);
  assertEquals(serverKey(key), key);
  assert(key.startsWith("https://example.com/mcp (query ") && !key.includes(SECRET), key);
  // A URL that only looks like a key has another key.
  assert(serverKey(new URL(key).href) !== key);
});
