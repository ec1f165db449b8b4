/** `--audit FILE` while its file is rotated, and where the disk takes nothing. */

import { dirname } from "node:path";
import { assertEquals } from "@std/assert";
import { auditLines } from "../../support/servers/audit_lines.ts";
import { startServer } from "../../support/servers/server.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { until } from "../../support/until.ts";

const ROTATIONS = 5;

Deno.test({
  name:
    "--audit: nothing is lost while the file is renamed and reopened under load, by two servers",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    const path = `${folder.path}/audit.jsonl`;
    const start = () =>
      startServer({
        server: "notebook",
        transport: "http",
        store: `file:${folder.path}/sessions.jsonl`,
        flags: ["--audit", path, "--log-level", "info"],
      });
    await using one = await start();
    await using other = await start();
    const ids = new Set<string>();
    let isOver = false;
    const work = Promise.all([one, one, other, other].map(async (server) => {
      while (!isOver) {
        const { id } = await server.create();
        ids.add(id);
        await server.result("session/delete", { id });
      }
    }));
    const paths = [path];
    for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
      const made = ids.size;
      await until(() => ids.size, (size) => size > made + 10);
      const old = `${path}.${rotation}`;
      await Deno.rename(path, old);
      paths.push(old);
      for (const server of [one, other]) server.process.kill("SIGHUP");
      // The one that is later still writes to the old file.
      await until(() => Deno.stat(path).catch(() => undefined), (found) => found !== undefined);
    }
    isOver = true;
    await work;
    const lines = await auditLines(...paths);
    for (const event of ["created", "deleted"]) {
      const keys = lines.filter((line) => line.event === event).map(({ session }) => session);
      assertEquals([keys.length, new Set(keys).size], [ids.size, ids.size], event);
    }
    for (const file of paths) assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
  },
});

Deno.test({
  name: "--audit: a full disk fails no call; the log tells so once, and again when it takes lines",
  // /dev/full is there alone.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using folder = await tempFolder();
    const path = `${folder.path}/audit.jsonl`;
    await Deno.symlink("/dev/full", path);
    await using server = await startServer({
      server: "notebook",
      transport: "http",
      flags: ["--audit", path, "--log-level", "info"],
      permissions: ["-A"],
    });
    for (let call = 0; call < 3; call++) await server.create();
    await Deno.remove(path);
    server.process.kill("SIGHUP");
    const told = (text: string) => server.stderr.filter((line) => line.includes(text));
    await until(() => told("audit log reopened"), ({ length }) => length === 1);
    await server.create();
    await until(() => told("takes lines again; 3 are missing"), ({ length }) => length === 1);
    assertEquals(told("Cannot write to the audit log").length, 1, server.stderr.join("\n"));
    const lines = await auditLines(path);
    assertEquals(lines.map(({ event, count }) => ({ event, count })), [
      { event: "lost", count: 3 },
      { event: "created", count: undefined },
    ]);
  },
});

Deno.test({
  name: "--audit: a file that was removed is made again, without a signal; what cannot be is lost",
  // Windows removes no file that is open.
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    const path = `${folder.path}/logs/audit.jsonl`;
    const flags = ["--audit", path];
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    await server.create();
    await Deno.remove(dirname(path), { recursive: true });
    await server.create();
    assertEquals((await auditLines(path)).map(({ event }) => event), ["created"]);
    assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    await Deno.remove(path);
    await Deno.mkdir(path);
    await server.create();
    await Deno.remove(path);
    await server.create();
    assertEquals((await auditLines(path)).map(({ event }) => event), ["lost", "created"]);
    const told = /: error: Cannot open the audit log at .*Is a directory/;
    await until(() => server.stderr.some((line) => told.test(line)), (is) => is);
  },
});

Deno.test({
  name: "--audit: a pipe, which would keep the server waiting, is refused; the old file goes on",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    const path = `${folder.path}/audit.jsonl`;
    await using server = await startServer({
      server: "notebook",
      transport: "http",
      flags: ["--audit", path],
    });
    await Deno.rename(path, `${path}.1`);
    const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
    assertEquals(success, true);
    server.process.kill("SIGHUP");
    const isTold = (line: string) =>
      line.includes(
        `SIGHUP: the audit log's file stays as it was: Cannot open the audit log at ${path}: it is a pipe`,
      );
    await until(() => server.stderr.some(isTold), (told) => told);
    await server.create();
    assertEquals((await auditLines(`${path}.1`)).map(({ event }) => event), ["created"]);
  },
});
