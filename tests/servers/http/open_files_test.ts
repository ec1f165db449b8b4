/** What a server does that may open no more files and connections. */

import { assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../../support/servers/raw_http.ts";
import {
  type HttpServer,
  INITIALIZE,
  messagesOf,
  opened,
  post,
  startServer,
} from "../../support/servers/server.ts";

const OPEN_FILES = 120;
// There is no such limit to set there.
const ignore = Deno.build.os === "windows";

const request = (method: string, params: object = {}) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });

async function withServer(
  flags: readonly string[],
  test: (server: HttpServer) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using server = await startServer({
      server: "notebook",
      transport: "http",
      store: `file:${folder}/sessions.jsonl`,
      flags: [...flags],
      // To listen again on the port that was free, the process must be allowed more than port 0.
      permissions: ["net=127.0.0.1", `read=${folder}`, `write=${folder}`].map((it) =>
        `--allow-${it}`
      ),
      openFiles: OPEN_FILES,
    });
    await test(server);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Does something again until it succeeds. */
async function until<T>(once: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = AbortSignal.timeout(60_000);
  for (;;) {
    const outcome = await once();
    if (outcome !== undefined) return outcome;
    deadline.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const shortages = ({ stderr }: HttpServer) =>
  stderr.filter((line) => line.includes("Cannot accept connections: Too many open files"));

/** Opens connections that send nothing, until the server has no room for another. */
async function fill(server: HttpServer): Promise<DisposableStack> {
  const idle = new DisposableStack();
  for (let number = 0; number < OPEN_FILES + 10; number++) {
    try {
      idle.use(await RawConnection.open(server.url));
    } catch {
      // It listens no more.
      break;
    }
  }
  await until(() => shortages(server)[0]);
  return idle;
}

/** What is answered to a message on a connection of its own, once one is accepted. */
const answered = ({ url }: HttpServer, message: string, headers: Record<string, string> = {}) =>
  until(async () => {
    try {
      using connection = await RawConnection.open(url);
      await connection.post(message, headers);
      return await connection.answer() || undefined;
    } catch {
      return undefined;
    }
  });

for (const flags of [[], ["--stateful"]]) {
  Deno.test({
    name: `out of connections over http ${flags}: goes on, and takes new ones once there is room`,
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
        assertMatch(await kept.answer(), /^HTTP\/1\.1 200 /);
        {
          using _idle = await fill(server);
          await kept.post(call("notebook_append", { text: "written without room" }), headers);
          assertMatch(await kept.answer(), /^HTTP\/1\.1 200 /);
        }
        assertMatch(await answered(server, request("ping"), headers), /^HTTP\/1\.1 200 /);
        const [read] = await messagesOf(await post(server.url, call("notebook_read"), headers));
        assertEquals(read?.result?.structuredContent.count, 1);
        // The first connection is still served, by the same process.
        await kept.post(request("ping"), headers);
        assertMatch(await kept.answer(), /^HTTP\/1\.1 200 /);
        assertEquals(shortages(server).length, 1, server.stderr.join("\n"));
        assertEquals(await server.stop(), 0);
      });
    },
  });
}

Deno.test({
  name: "out of connections: those that nobody uses make room for new ones",
  ignore,
  async fn() {
    await withServer([], async (server) => {
      using _idle = await fill(server);
      const answer = await answered(server, request("initialize", INITIALIZE));
      assertMatch(answer, /^HTTP\/1\.1 200 /);
      await until(() => server.stderr.find((line) => line.includes("accepted again")));
      assertEquals(shortages(server).length, 1, server.stderr.join("\n"));
    });
  },
});

Deno.test({
  name: "out of connections: what one kept connection writes costs another no call",
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
        return await connection.answer();
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
