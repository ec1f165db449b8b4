/** A server in the test's own process that listens on a port. */

import {
  httpHandler,
  type HttpHandlerOptions,
  type McpServer,
  sessionLayer,
  StatelessHttpTransport,
} from "../../../servers/base/mod.ts";
import { MemoryStore } from "../../../store/mod.ts";

/** Listens with a server until disposed. */
export async function listen(
  server: McpServer,
  { keepAliveMs, ...options }: Partial<HttpHandlerOptions> & { readonly keepAliveMs?: number } = {},
) {
  const transport = new StatelessHttpTransport({ keepAliveMs });
  await server.connect(sessionLayer(transport, { store: new MemoryStore(), policy: "optional" }));
  const http: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => handler(request),
  );
  const handler = httpHandler(transport, { hosts: [`127.0.0.1:${http.addr.port}`], ...options });
  return {
    url: `http://127.0.0.1:${http.addr.port}/`,
    async [Symbol.asyncDispose]() {
      await http.shutdown();
      await server.close();
    },
  };
}
