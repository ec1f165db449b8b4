import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { defaultStoreUrl, openStore } from "../../store/mod.ts";
import { DENO_ENV } from "../support/deno_dir.ts";
import { tempFolder } from "./stores.ts";

Deno.test("openStore() refuses what is no store's URL, in one line", async () => {
  const cases: [string, string][] = [
    ["x", 'Cannot open a store as its URL has no scheme: current value is "x"'],
    ["", 'Cannot open a store as its URL has no scheme: current value is ""'],
    ["/a/b", 'Cannot open a store as its URL has no scheme: current value is "/a/b"'],
    [
      "redis://host",
      "Cannot open a store as its scheme is none of memory, file and kv: " +
      'current value is "redis://host"',
    ],
    [
      "memory:x",
      'Cannot open a store as nothing can follow its scheme: current value is "memory:x"',
    ],
    ["file:", 'Cannot open a store as its URL has no path: current value is "file:"'],
    [
      "file://host/x",
      "Cannot open a store as it is no file URL (write file:PATH or file:///PATH): " +
      'current value is "file://host/x"',
    ],
    [
      "kv:",
      "Cannot open a store as its URL has no path (write kv:PATH or kv:https://…): " +
      'current value is "kv:"',
    ],
    ["a\nb:", 'Cannot open a store as its URL has no scheme: current value is "a\\nb:"'],
  ];
  for (const [url, message] of cases) {
    const error = await assertRejects(() => openStore(url, { namespace: "test" }), TypeError);
    assertEquals(error.message, message);
  }
});

Deno.test("openStore() refuses a namespace that is empty or too long", async () => {
  await using folder = await tempFolder();
  for (const scheme of ["memory", "file", "kv"]) {
    for (const namespace of ["", "x".repeat(49)]) {
      const open = () => openStore(`${scheme}:${folder.path}/store`, { namespace });
      await assertRejects(open, RangeError, "namespace must have 1 to 48 bytes");
    }
  }
});

Deno.test("openStore() refuses a limit that is no number from 0, and takes none at all", async () => {
  await using folder = await tempFolder();
  for (const scheme of ["memory:", `file:${folder.path}/store`, `kv:${folder.path}/store.kv`]) {
    for (const name of ["sessions", "sessionsPerOwner", "bytesPerSession", "bytes"]) {
      for (const limit of [-1, NaN]) {
        const open = () => openStore(scheme, { namespace: "test", limits: { [name]: limit } });
        const message = `${name} must be 0 or more: current value is ${limit}`;
        assertEquals((await assertRejects(open, RangeError)).message, message);
      }
    }
    const limits = { sessions: Infinity };
    await (await openStore(scheme, { namespace: "test", limits })).close();
  }
});

Deno.test("openStore() takes paths and file URLs, and makes folders", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/a b/ü%20.jsonl`;
  for (const url of [`file:${path}`, `file://${encodeURI(path)}`]) {
    await (await openStore(url, { namespace: "test" })).close();
  }
  assertEquals(Array.from(Deno.readDirSync(`${folder.path}/a b`), ({ name }) => name).sort(), [
    "ü%20.jsonl",
    "ü%20.jsonl.lock",
  ]);
});

/** What `openStore` says in a process of its own. */
async function openElsewhere(
  url: string,
  { flags = [], env = {} }: { flags?: string[]; env?: Record<string, string> } = {},
): Promise<string> {
  const script = new URL("./fixtures/open.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...flags, script, url],
    clearEnv: true,
    env: { ...DENO_ENV, ...env },
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("openStore() says in one line what Deno KV is missing", async () => {
  await using folder = await tempFolder();
  const url = `kv:${folder.path}/sessions.kv`;
  assertEquals(
    await openElsewhere(url, { flags: ["--no-config"] }),
    "StoreError: Cannot open Deno KV: run Deno with --unstable-kv",
  );
  assertEquals(
    await openElsewhere("kv:https://localhost/x"),
    "StoreError: Cannot open a remote Deno KV without its token: set DENO_KV_ACCESS_TOKEN",
  );
  assertEquals(await openElsewhere(url), "opened");
  const inFile = await openElsewhere(`kv:${folder.path}/sessions.kv/x`);
  const env = { DENO_KV_ACCESS_TOKEN: "a-token-for-tests" };
  const refused = await openElsewhere("kv:http://127.0.0.1:1", { env });
  assertMatch(refused, /^StoreError: Cannot open Deno KV at http:\/\/127\.0\.0\.1:1: .*refused.*$/);
  assertMatch(inFile, /^StoreError: Cannot make the folder .*sessions\.kv: .*$/);
});

Deno.test("defaultStoreUrl() is in the folder where the system keeps state", () => {
  const url = (os: typeof Deno.build.os, env: Record<string, string>) =>
    defaultStoreUrl("notebook", { os, env: new Map(Object.entries(env)) });
  const HOME = "/home/me";
  const plain = "file:/home/me/.local/state/mcp-sessions/notebook.jsonl";
  assertEquals(url("linux", { HOME }), plain);
  assertEquals(url("linux", { HOME, XDG_STATE_HOME: "" }), plain);
  assertEquals(url("linux", { HOME, XDG_STATE_HOME: "relative" }), plain);
  assertEquals(url("linux", { XDG_STATE_HOME: "/s" }), "file:/s/mcp-sessions/notebook.jsonl");
  assertEquals(
    url("darwin", { HOME, XDG_STATE_HOME: "/s" }),
    "file:/home/me/Library/Application Support/mcp-sessions/notebook.jsonl",
  );
  assertMatch(
    url("windows", { HOME, LOCALAPPDATA: "C:\\Local" }),
    /^file:C:\\Local[\\/]mcp-sessions[\\/]notebook\.jsonl$/,
  );
  assertThrows(() => url("linux", {}), TypeError, "HOME is not set");
  assertThrows(() => url("windows", { HOME }), TypeError, "LOCALAPPDATA is not set");
});

Deno.test("defaultStoreUrl() keeps any server's name within its folder", () => {
  const env = new Map([["HOME", "/home/me"]]);
  for (const name of ["../../etc/passwd", "..", ".", "a/b", "io.example/x", "a\\b", "a\0b", ""]) {
    assertMatch(
      defaultStoreUrl(name, { env, os: "linux" }),
      /^file:\/home\/me\/\.local\/state\/mcp-sessions\/[^/\\\0]*\.jsonl$/,
    );
  }
});
