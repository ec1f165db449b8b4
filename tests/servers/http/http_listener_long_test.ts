/** The HTTP listener when no more connections can be opened. */

import { assertEquals, assertMatch } from "@std/assert";
import { until } from "../../support/until.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { type HttpServer, startServer } from "../../support/servers/server.ts";
import { INITIALIZE, messagesOf, opened, post, request } from "../../support/servers/wire.ts";

const OPEN_FILES = 120;
// Windows has no such limit.
const ignore = Deno.build.os === "windows";

async function withServer(
  flags: readonly string[],
  test: (server: HttpServer) => Promise<void>,
): Promise<void> {
  await using folder = await tempFolder();
  const { path } = folder;
  await using server = await startServer({
    server: "notebook",
    transport: "http",
    store: `file:${path}/sessions.jsonl`,
    flags: [...flags],
    // Listening again needs permission for the port itself, not for port 0.
    permissions: ["net=127.0.0.1", `read=${path}`, `write=${path}`].map((it) => `--allow-${it}`),
    openFiles: OPEN_FILES,
  });
  await test(server);
}

const shortages = ({ stderr }: HttpServer) =>
  stderr.filter((line) => line.includes("Cannot accept connections: Too many open files"));

/** Opens idle connections, until the server can accept no more. */
async function fill(server: HttpServer): Promise<DisposableStack> {
  const idle = new DisposableStack();
  for (let number = 0; number < OPEN_FILES + 10; number++) {
    try {
      idle.use(await RawConnection.open(server.url));
    } catch {
      // The server does not listen any more.
      break;
    }
  }
  await until(() => shortages(server).length, (count) => count > 0);
  return idle;
}

/** The response to a message on a connection of its own, once one is accepted. */
const answered = ({ url }: HttpServer, message: string, headers: Record<string, string> = {}) =>
  until(async () => {
    try {
      using connection = await RawConnection.open(url);
      await connection.post(message, headers);
      return await connection.response();
    } catch {
      return "";
    }
  }, (response) => response !== "");

for (const flags of [[], ["--stateful"]]) {
  Deno.test({
    name:
      `HttpListener over http ${flags}: serves existing connections, and accepts new ones once possible`,
    ignore,
    async fn() {
      await withServer(flags, async (server) => {
        const headers = await opened(server.url);
        const create = await post(server.url, request("session/create"), headers);
        const [created] = await messagesOf(create);
        const call = (name: string, args: object = {}) => {
          const _meta = { "mcp/session": { id: created?.result?.id } };
          return request("tools/call", { name, arguments: args, _meta });
        };
        using kept = await RawConnection.open(server.url);
        await kept.post(request("ping"), headers);
        assertMatch(await kept.response(), /^HTTP\/1\.1 200 /);
        {
          using _idle = await fill(server);
          await kept.post(call("notebook_append", { text: "written without room" }), headers);
          assertMatch(await kept.response(), /^HTTP\/1\.1 200 /);
        }
        assertMatch(await answered(server, request("ping"), headers), /^HTTP\/1\.1 200 /);
        const [read] = await messagesOf(await post(server.url, call("notebook_read"), headers));
        assertEquals(read?.result?.structuredContent.count, 1);
        // The first connection is still served, by the same process.
        await kept.post(request("ping"), headers);
        assertMatch(await kept.response(), /^HTTP\/1\.1 200 /);
        assertEquals(shortages(server).length, 1, server.stderr.join("\n"));
        assertEquals(await server.stop(), 0);
      });
    },
  });
}

Deno.test({
  name: "HttpListener: closes idle connections during a long shortage",
  ignore,
  async fn() {
    await withServer([], async (server) => {
      using _idle = await fill(server);
      const answer = await answered(server, request("initialize", INITIALIZE));
      assertMatch(answer, /^HTTP\/1\.1 200 /);
      await until(() => server.stderr.join(), (log) => log.includes("accepted again"));
      assertEquals(shortages(server).length, 1, server.stderr.join("\n"));
    });
  },
});

Deno.test({
  name: "HttpListener: existing connections do not disturb each other during a shortage",
  ignore,
  async fn() {
    await withServer([], async (server) => {
      const open = async () => {
        const [created] = await messagesOf(await post(server.url, request("session/create")));
        const _meta = { "mcp/session": { id: created?.result?.id } };
        return { connection: await RawConnection.open(server.url), _meta };
      };
      const [writer, reader] = [await open(), await open()];
      using _writing = writer.connection;
      using _reading = reader.connection;
      const call = async ({ connection, _meta }: typeof writer, name: string, args: object) => {
        await connection.post(request("tools/call", { name, arguments: args, _meta }));
        return await connection.response();
      };
      const append = () => call(writer, "notebook_append", { text: "written without room" });
      const read = () => call(reader, "notebook_read", {});
      assertMatch(await append(), /"result"/);
      using _idle = await fill(server);
      for (let round = 0; round < 300; round++) {
        for (const answer of await Promise.all([append(), read()])) assertMatch(answer, /"result"/);
      }
    });
  },
});
