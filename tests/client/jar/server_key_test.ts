/** What a jar files a server's cookies under. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { commandName, serverName } from "../../../client/jar/server_key.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** What a process that runs in this folder makes of a command line. */
async function nameIn(folder: string, ...argv: string[]): Promise<string[]> {
  const code = `const { commandName } = await import(${
    JSON.stringify(new URL("../../../client/jar/server_key.ts", import.meta.url).href)
  }); console.log(commandName(Deno.args));`;
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(script, code);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", script, ...argv],
      cwd: folder,
    }).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(script);
  }
}

Deno.test("commandName(): a file or folder is the same one from everywhere", async () => {
  assertEquals(
    await nameIn(
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
  assertEquals(await nameIn(ROOT, ".ci/run", "servers"), [`${ROOT}.ci/run`, "servers"]);
});

Deno.test("commandName(): what names no file is left as it is", () => {
  const argv = ["npx", "-y", "some-server", "--store=kv:nowhere", "--url", "http://a.example/b"];
  assertEquals(JSON.parse(commandName(argv)), argv);
});

Deno.test("serverName(): a name is the name of itself", () => {
  const url = "https://me:s3cret@example.com:443/mcp?key=s3cret#s3cret";
  const name = serverName(url);
  assertEquals(serverName(name), name);
  assert(name.startsWith("https://example.com/mcp (query ") && !name.includes("s3cret"), name);
  // A URL that only looks like one leads elsewhere.
  assert(serverName(new URL(name).href) !== name);
});
