import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { defaultStoreUrl, openInspector, openStore, StoreError } from "../../store/mod.ts";
import { DENO_ENV, denoDir } from "../support/deno_dir.ts";
import { namesIn, record, tempFolder } from "../support/store/stores.ts";

const KINDS = ["file", "kv", "sqlite"] as const;

/** What is said of a file in which a store of another kind is. */
const REFUSALS = {
  file: /store.* this is not a file of mcp-sessions; it was not changed, use another one$/,
  kv: /\/store: it is (?:a store in SQLite; name it sqlite:\/|no Deno KV; it was not changed, use)/,
  sqlite: /\/store: it is (?:a Deno KV; name it kv:\/|no SQLite database; it was not changed, use)/,
};

Deno.test("openStore() refuses a URL of no store, in one line", async () => {
  const unknown = "its scheme is none of memory, file, sqlite, redis, postgres and kv";
  const cases: [url: string, why: string, shown?: string][] = [
    ["x", "its URL has no scheme (write file:PATH for a file)"],
    ["", "its URL has no scheme (write file:PATH for a file)"],
    ["/a/b", "its URL has no scheme (write file:PATH for a file)"],
    ["C:\\x", "its URL has no scheme (write file:PATH for a file)"],
    ["a\nb:", "its URL has no scheme (write file:PATH for a file)"],
    ["mysql://host", unknown],
    ["FILE:x", unknown],
    ["s3://name:secret@host/x", unknown, "s3://…@host/x"],
    ["memory:x", "nothing can follow its scheme"],
    ["file:", "its URL has no path"],
    ["file://host/x", "it is no file URL (write file:PATH or file:///PATH)"],
    ["kv:", "its URL has no path (write kv:PATH or kv:https://…)"],
    ["file:http://x", "http: cannot stand in its path"],
    ["file:kv://x", "kv: cannot stand in its path"],
    ["kv:ftp://x", "ftp: cannot stand in its path"],
    ["kv:redis://x", "redis: cannot stand in its path"],
    ["kv:HTTPS://x", "HTTPS: cannot stand in its path"],
    ["sqlite:", "its URL has no path"],
    ["sqlite://host/x", "it is no file URL (write sqlite:PATH or sqlite:///PATH)"],
    ["sqlite::memory:", "it is in memory (write memory:)"],
    ["sqlite:file://x", "file: cannot stand in its path"],
  ];
  for (const [url, why, shown = url] of cases) {
    const error = await assertRejects(() => openStore(url, { namespace: "test" }), TypeError);
    const value = JSON.stringify(shown);
    assertEquals(error.message, `Cannot open a store as ${why}: current value is ${value}`);
  }
});

Deno.test("openStore() refuses a namespace that is empty or too long", async () => {
  await using folder = await tempFolder();
  for (const scheme of ["memory", "file", "kv", "sqlite"]) {
    for (const namespace of ["", "x".repeat(49)]) {
      const open = () => openStore(`${scheme}:${folder.path}/store`, { namespace });
      await assertRejects(open, RangeError, "namespace must have 1 to 48 bytes");
    }
  }
});

Deno.test("openStore() refuses a negative limit, and accepts Infinity", async () => {
  await using folder = await tempFolder();
  const databases = [`kv:${folder.path}/store.kv`, `sqlite:${folder.path}/store.db`];
  for (const scheme of ["memory:", `file:${folder.path}/store`, ...databases]) {
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

Deno.test("openStore() accepts paths and file URLs, and makes folders", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/a b/ü%20.jsonl`;
  for (const url of [`file:${path}`, `file://${encodeURI(path)}`]) {
    await (await openStore(url, { namespace: "test" })).close();
  }
  assertEquals(namesIn(`${folder.path}/a b`), [
    "ü%20.jsonl",
    "ü%20.jsonl.lock",
  ]);
  const database = `${folder.path}/sqlite/?mode=ro#ü%20.db`;
  for (const url of [`sqlite:${database}`, `sqlite://${encodeURI(database)}`]) {
    // In a URL these two begin its query and its fragment.
    const escaped = url.startsWith("sqlite:///")
      ? url.replace("?", "%3F").replace("#", "%23")
      : url;
    await (await openStore(escaped, { namespace: "test" })).close();
  }
  assertEquals(namesIn(`${folder.path}/sqlite`), ["?mode=ro#ü%20.db"]);
});

/** The output of `openStore` in a process of its own. */
async function openElsewhere(
  url: string,
  { flags = [], env = {}, cwd = "." }: {
    flags?: string[];
    env?: Record<string, string>;
    cwd?: string;
  } = {},
): Promise<string> {
  const script = new URL("../fixtures/store/open.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...flags, script, url],
    cwd,
    clearEnv: true,
    env: { ...DENO_ENV, DENO_DIR: await denoDir(), ...env },
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

for (const [mine, other] of KINDS.flatMap((a) => KINDS.map((b) => [a, b] as const))) {
  if (mine === other) continue;
  Deno.test(`openStore() and openInspector() refuse a store of ${mine}: as ${other}:, and leave it`, async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/store`;
    const open = () => openStore(`${mine}:${path}`, { namespace: "test", warn() {} });
    const refuse = async () => {
      const url = `${other}:${path}`;
      const openWrong = () => openStore(url, { namespace: "test", warn() {} });
      for (const wrong of [openWrong, () => openInspector(url)]) {
        const { code, message } = await assertRejects<StoreError>(wrong, StoreError);
        assertMatch(message, REFUSALS[other], `${code}`);
        assert(!message.includes("\n"));
      }
    };
    {
      await using store = await open();
      await store.create(record("sess-1"));
      await refuse();
    }
    await refuse();
    await using store = await open();
    assertEquals(await store.get("sess-1"), record("sess-1"));
  });
}

Deno.test("openStore() says in one line what Deno KV lacks", async () => {
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

Deno.test("openStore() makes a folder without permission for the folders above", async () => {
  await using folder = await tempFolder();
  const script = new URL("../fixtures/store/open.ts", import.meta.url).href;
  const run = async (leave: string, url: string) => {
    const permissions = ["--no-prompt", `--allow-read=${leave}`, `--allow-write=${leave}`];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--quiet", ...permissions, script, url],
    }).output();
    return [new TextDecoder().decode(stdout).trim(), new TextDecoder().decode(stderr)];
  };
  const real = await Deno.realPath(folder.path);
  const state = `${real}/state`;
  const [said, warned] = await run(state, `file:${state}/x.jsonl`);
  assertEquals(said, "opened");
  if (Deno.build.os !== "windows") {
    assertMatch(warned!, /^The folder .* cannot be synced \(Requires read access.*\n$/);
  }
  assertEquals(await run(state, `file:${state}/x.jsonl`), ["opened", ""]);
});

Deno.test("openStore() expands ~/ to the home folder, and makes no folder of that name", async () => {
  await using folder = await tempFolder();
  const home = `${folder.path}/home`;
  for (const url of ["file:~/a/x.jsonl", "kv:~/a/x.kv", "sqlite:~/a/x.db"]) {
    assertEquals(await openElsewhere(url, { env: { HOME: home }, cwd: folder.path }), "opened");
    const { isFile } = await Deno.stat(`${home}/a/${url.split("/").at(-1)}`);
    assert(isFile);
    for (const HOME of ["", "relative", "~"]) {
      assertMatch(
        await openElsewhere(url, { env: { HOME }, cwd: folder.path }),
        /^TypeError: Cannot find the home folder for "~\/a\/x.*" as the environment variable HOME /,
      );
    }
  }
  // The home folder of another user is not expanded.
  assertEquals(await openElsewhere("file:~x", { env: { HOME: home }, cwd: folder.path }), "opened");
  assertEquals(namesIn(folder.path), ["home", "~x", "~x.lock"]);
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
