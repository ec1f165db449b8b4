/** The backups of docs/maintenance.md: made beside a server at work, and restored. */

import { assert, assertEquals } from "@std/assert";
import { blockWith, readPage } from "../house/pages.ts";
import { environment } from "../house/starting.ts";
import { startPostgres } from "../support/databases/postgres.ts";
import { RedisServer } from "../support/databases/redis.ts";
import { output } from "../support/output.ts";
import { startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/temp_folder.ts";

const PAGE = "docs/maintenance.md";
const FILE = blockWith(PAGE, "cp /var/lib/notebook/sessions.jsonl backup.jsonl");
const NOTES = 100;

/** The commands in a column of the table's row: 1 is the backup, 2 the restore. */
function commandsOf(store: string, column: 1 | 2): string[] {
  const row = readPage(PAGE).text.split("\n").find((line) => line.startsWith(`| ${store} `)) ?? "";
  return Array.from(row.split("|")[column + 1]!.matchAll(/`([^`]+)`/g), ([, code = ""]) => code);
}

/** Runs a line in a folder. */
async function run(line: string, cwd: string): Promise<void> {
  const env = environment(cwd);
  const { code, stdout, stderr } = await output("sh", { args: ["-c", line], cwd, env });
  assertEquals(code, 0, `${line}\n${stdout}${stderr}`);
}

/**
 * Writes notes, makes a backup while more are written, and looks for those notes in what `restored` makes of
 * it, which is called when no server runs.
 */
async function survives(
  store: string,
  backup: () => Promise<void>,
  restored: () => Promise<string>,
): Promise<void> {
  let cookie;
  {
    await using server = await startServer({ server: "notebook", transport: "http", store });
    cookie = await server.create();
    const append = (text: string) => server.toolResult("notebook_append", { text }, cookie);
    for (let i = 0; i < NOTES; i++) await append(`${i}`);
    let isDone = false;
    const [written] = await Promise.all([
      (async () => {
        let written = 0;
        while (!isDone) {
          await append("late");
          written++;
        }
        return written;
      })(),
      backup().finally(() => isDone = true),
    ]);
    assert(written > 0);
  }
  const url = await restored();
  await using server = await startServer({ server: "notebook", transport: "http", store: url });
  const { structuredContent } = await server.toolResult("notebook_read", {}, cookie);
  const notes = structuredContent["notes"] as { text: string }[];
  assertEquals(
    notes.slice(0, NOTES).map(({ text }) => text),
    Array.from({ length: NOTES }, (_, i) => `${i}`),
  );
}

Deno.test(`${PAGE}: a file that is copied beside its server is sound, and goes back`, async () => {
  await using folder = await tempFolder();
  const { path } = folder;
  const backup = FILE.replace("/var/lib/notebook", path).replaceAll(
    "backup.jsonl",
    `${path}/b.jsonl`,
  );
  const file = `${path}/sessions.jsonl`;
  await survives(
    `file:${file}`,
    async () => {
      const [copy = "", verify = ""] = backup.trim().split("\n");
      await run(copy, path);
      await run(verify, ".");
    },
    async () => {
      await run(`cp ${path}/b.jsonl ${file}`, path);
      return `file:${file}`;
    },
  );
});

Deno.test(`${PAGE}: an SQLite that is copied beside its server goes back`, async () => {
  await using folder = await tempFolder();
  const { path } = folder;
  const [backup = ""] = commandsOf("SQLite", 1);
  await survives(`sqlite:${path}/sessions.db`, () => run(backup, path), async () => {
    await run("rm -f sessions.db-wal sessions.db-shm && cp backup.db sessions.db", path);
    return `sqlite:${path}/sessions.db`;
  });
});

Deno.test(`${PAGE}: a PostgreSQL that is dumped beside its server goes back`, async () => {
  await using folder = await tempFolder();
  await using postgres = await startPostgres();
  const from = postgres.url(await postgres.makeDatabase());
  const to = postgres.url(await postgres.makeDatabase());
  const [[backup = ""], [restore = ""]] = [
    commandsOf("PostgreSQL", 1),
    commandsOf("PostgreSQL", 2),
  ];
  await survives(from, () => run(backup.replace("URL", from), folder.path), async () => {
    await run(restore.replace("URL", to), folder.path);
    return to;
  });
});

Deno.test(`${PAGE}: a Redis that is saved beside its server goes back`, async () => {
  await using folder = await tempFolder();
  await using redis = await RedisServer.start();
  await using other = await RedisServer.start({ appendonly: "no" });
  const [backup = ""] = commandsOf("Redis", 1);
  await survives(redis.url(), () => run(`${backup} -p ${redis.port}`, folder.path), async () => {
    await other.kill();
    await Deno.copyFile(`${folder.path}/backup.rdb`, `${other.folder}/dump.rdb`);
    await other.restart();
    const set = commandsOf("Redis", 2).find((command) => command.includes("CONFIG")) ?? "";
    await run(set.replace("redis-cli", `redis-cli -p ${other.port}`), folder.path);
    return other.url();
  });
});
