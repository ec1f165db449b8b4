import { assertEquals } from "@std/assert";
import { EraHost } from "../../../../client/bridge/era/era_host.ts";
import { Host } from "../../../../client/bridge/host_connection.ts";
import { envelope } from "../../../support/servers/modern_wire.ts";

Deno.test("EraHost: flushed() waits for what it has answered by itself", async () => {
  const request = { jsonrpc: "2.0", id: 1, method: "ping", params: { _meta: envelope() } };
  const written: string[] = [];
  const gate = Promise.withResolvers<void>();
  const host = new EraHost(
    new Host({
      readable: ReadableStream.from([new TextEncoder().encode(`${JSON.stringify(request)}\n`)]),
      writable: new WritableStream({
        write: async (line) => {
          await gate.promise;
          written.push(new TextDecoder().decode(line));
        },
      }),
      stray: () => {},
    }),
  );
  assertEquals(await Array.fromAsync(host.messages()), []);
  const flushed = host.flushed().then(() => written.map((line) => JSON.parse(line).error.code));
  gate.resolve();
  assertEquals(await flushed, [-32601]);
});
