/** The rules of the house as programs. A failure says what to do about it. */
import { assert, assertEquals } from "@std/assert";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Config,
  crowdedFolders,
  directionFaults,
  importsIn,
  lengthFaults,
  MAX_FILES,
  MAX_LINES,
  mirrorFaults,
  placeFaults,
  SDK_FILES,
  sdkFaults,
  sharedFaults,
} from "./house_rules.ts";

const ROOT = new URL("../..", import.meta.url);
const NOT_OURS = new Set([".git", "coverage", "dist", "node_modules"]);

const config: Config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));

const texts = new Map<string, string>();
async function read(folder: string): Promise<void> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(new URL(folder, ROOT))) {
    if (NOT_OURS.has(name)) continue;
    if (isDirectory) await read(`${folder}${name}/`);
    else if (isFile) {
      texts.set(
        posix.normalize(folder + name),
        await Deno.readTextFile(new URL(folder + name, ROOT)),
      );
    }
  }
}
await read("./");
const modules = [...texts].filter(([path]) => /\.tsx?$/.test(path));

function assertNone(faults: string[]): void {
  assert(faults.length === 0, faults.join("\n"));
}

Deno.test("house: each folder imports only what is below it", () => {
  assertNone(modules.flatMap(([path, source]) => directionFaults(path, source, config)));
});

Deno.test(`house: no folder has more than ${MAX_FILES} files`, () => {
  assertNone(crowdedFolders([...texts.keys()]));
});

Deno.test("house: tests are in the rooms of what they test", () => {
  assertNone(mirrorFaults([...texts.keys()]));
});

Deno.test("house: the SDK is imported in one file a side, and with its types", () => {
  assertNone(modules.flatMap(([path, source]) => sdkFaults(path, source)));
});

Deno.test(`house: no module has more than ${MAX_LINES} lines`, () => {
  assertNone(modules.flatMap(([path, source]) => lengthFaults(path, source)));
});

Deno.test("house: no file names a folder of one machine or the host of a registry", () => {
  assertNone([...texts].flatMap(([path, text]) => placeFaults(path, text)));
});

Deno.test("house: no module changes the environment or the folder of its process", () => {
  assertNone(modules.flatMap(([path, source]) => sharedFaults(path, source)));
});

Deno.test("house: the check of the docs reads every export", () => {
  for (const file of Object.values(config.exports)) {
    const name = posix.normalize(file);
    assert(
      config.tasks["check"]?.command.split(" ").includes(name),
      `${name} is exported but its docs are not checked: add it to deno doc --lint in the task check`,
    );
  }
});

Deno.test("house: every task says what it is for", () => {
  for (const [name, task] of Object.entries(config.tasks)) {
    assert(task.description, `The task ${name} has no description: give it one in deno.json`);
  }
});

Deno.test("house: importsIn() sees an import in each of its forms", () => {
  const source = `
    import { a } from "./a.ts";
    import "./side.ts";
    import type { B } from "./b.ts";
    export { c } from "./c.ts";
    export * from "./d.ts";
    const é = "import './no.ts'"; // import "./no.ts"
    const e = await import("./e.ts");
    type F = import("./f.ts").F;
    // @ts-types="g"
    import {
      g,
    } from "./g.ts";
    await import(é);
  `;
  assertEquals(importsIn(source).map(({ specifier, line }) => [specifier, line]), [
    ["./a.ts", 2],
    ["./side.ts", 3],
    ["./b.ts", 4],
    ["./c.ts", 5],
    ["./d.ts", 6],
    ["./e.ts", 8],
    ["./f.ts", 9],
    ["./g.ts", 11],
    [undefined, 14],
  ]);
  assertEquals(importsIn(source).find(({ line }) => line === 11)?.comment, '@ts-types="g"');
});

const sdk = "@modelcontextprotocol/sdk";
const typed = `// @ts-types="${sdk}/types"\n`;
const direction = (path: string, source: string) => directionFaults(path, source, config);

Deno.test.each<readonly [what: string, faults: string[], count: number]>([
  [
    "a store that uses a server",
    direction("store/a.ts", 'export * from "../servers/base/mod.ts"'),
    1,
  ],
  ["a client that uses a server", direction("client/a.ts", `import "${config.name}/server"`), 1],
  ["a client that uses a store", direction("client/jar/a.ts", 'import "../../store/mod.ts"'), 1],
  [
    "a jar that uses the journal",
    direction("client/jar/a.ts", 'import "../../store/journal/a.ts"'),
    0,
  ],
  [
    "a journal that uses a store",
    direction("store/journal/a.ts", 'import "../session_store.ts"'),
    1,
  ],
  ["a layer that reads deno.json", direction("servers/base/a.ts", 'import "../../deno.json"'), 1],
  ["a full folder", crowdedFolders(Array.from({ length: MAX_FILES }, (_, n) => `a/${n}.ts`)), 0],
  [
    "a crowded one",
    crowdedFolders(Array.from({ length: MAX_FILES + 1 }, (_, n) => `a/${n}.ts`)),
    1,
  ],
  [
    "a test in the room of what it tests",
    mirrorFaults(["tests/servers/http/a_test.ts", "servers/base/http/b.ts"]),
    0,
  ],
  [
    "a test in no such room",
    mirrorFaults(["tests/servers/tcp/a_test.ts", "servers/base/http/b.ts"]),
    1,
  ],
  ["a server that goes past mod.ts", direction("servers/a.ts", 'await import("./base/a.ts")'), 1],
  ["a computed import", direction("client/a.ts", "await import(x)"), 1],
  [
    "a page that uses a server",
    direction("console/a.tsx", 'import "../servers/base/mod.ts"; <p>{1}</p>'),
    1,
  ],
  ["a bench that uses a test", direction("bench/a.ts", 'import "../tests/a.ts"'), 1],
  ["a file in no known place", direction("utils.ts", ""), 1],
  ["the SDK without types", sdkFaults("client/sdk.ts", `import "${sdk}/types.js"`), 1],
  ["the SDK with other types", sdkFaults("client/sdk.ts", `${typed}import "${sdk}/client.js"`), 1],
  [
    "the SDK in another file",
    sdkFaults("client/a.ts", `${typed}export * from "${sdk}/types.js"`),
    1,
  ],
  [
    "the SDK with its types",
    sdkFaults("client/sdk.ts", `${typed}import {\na\n} from "${sdk}/types.js"`),
    0,
  ],
  ["a long file", lengthFaults("a.ts", "x\n".repeat(MAX_LINES + 1)), 1],
  ["a full file", lengthFaults("a.ts", "x\n".repeat(MAX_LINES)), 0],
  ["somebody's folder", placeFaults("a.md", `cd ${["", "home", "ann"].join("/")}`), 1],
  ["anybody's folder", placeFaults("a.md", "ls ~/" + "work/it ./home/ann /home/me"), 0],
  ["a change of the environment", sharedFaults("a.ts", ["Deno.env", 'set("A", "1")'].join(".")), 1],
  ["a look at the environment", sharedFaults("a.ts", 'Deno.env.get("A")'), 0],
  ["a registry's host", placeFaults("a.md", ["https://registry.npmjs", "org"].join(".")), 1],
])("house: the rules on %s", (_what, faults, count) => {
  assertEquals(faults.length, count);
});

/** Type-checks a module that stands outside the project, as nothing may be left behind in it. */
async function typeErrors(source: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, source);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--no-lock", "--config", fileURLToPath(new URL("deno.json", ROOT)), file],
      env: { NO_COLOR: "1" },
    }).output();
    return success ? "" : new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("house: nothing that comes from the SDK is any", async () => {
  const lines = ["// @ts-expect-error A wrong use of McpServer.", "new sdk0.McpServer(1);"];
  for (const [n, path] of SDK_FILES.entries()) {
    const url = new URL(path, ROOT);
    lines.push(`import * as sdk${n} from "${url}";`);
    for (const name of Object.keys(await import(url.href))) {
      // Only of any does TypeScript believe that it has such a member.
      lines.push(`// @ts-expect-error ${path}: ${name}`);
      lines.push(`export const ${name}${n}: { nobody: 1 } = sdk${n}.${name};`);
    }
  }
  const errors = await typeErrors(lines.join("\n"));
  assert(errors === "", `Something of the SDK is any: mend its @ts-types line.\n${errors}`);
});
