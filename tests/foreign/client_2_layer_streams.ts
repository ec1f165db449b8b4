/**
 * The SDK's second-generation client with this project's session layer, and a modern HTTP server in the
 * same process: cancels a call, sends an unknown method, listens. Argument: the package. Prints what
 * client and server saw.
 */

import { sendOnce, withSession } from "../../client/mod.ts";

/** The output of a run. */
export interface StreamsReport {
  /** What came of a call that was cancelled, of an unknown method, and of two subscriptions. */
  readonly cancelled: string;
  readonly unknown: { readonly status: unknown; readonly text: unknown };
  readonly closings: readonly string[];
  /** The methods that the server received. */
  readonly methods: readonly string[];
  readonly errors: readonly string[];
}

const EXTENSION = "io.github.mcp-sessions/session";
const encoder = new TextEncoder();
const methods: string[] = [];
const held = Promise.withResolvers<void>();
const closed = Promise.withResolvers<void>();

function stream(...messages: object[]) {
  let end = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const message of messages) {
        controller.enqueue(encoder.encode(`data: ${JSON.stringify(message)}\n\n`));
      }
      end = () => controller.close();
    },
    cancel: () => closed.resolve(),
  });
  const headers = { "content-type": "text/event-stream" };
  return { response: new Response(body, { headers }), end };
}

let endSubscription = () => {};

async function answer(request: Request): Promise<Response> {
  if (request.method !== "POST") return new Response(null, { status: 405 });
  const { id, method } = await request.json();
  methods.push(method);
  const result = (result: object) =>
    Response.json({ jsonrpc: "2.0", id, result: { resultType: "complete", ...result } });
  switch (method) {
    case "server/discover": {
      const extensions = { [EXTENSION]: { version: 2, features: ["create"] } };
      return result({
        supportedVersions: ["2026-07-28"],
        capabilities: { tools: { listChanged: true }, extensions },
        ttlMs: 0,
        cacheScope: "private",
      });
    }
    case "session/create":
      return result({ id: "sess-1" });
    case "tools/call":
      held.resolve();
      return stream().response;
    case "subscriptions/listen": {
      const _meta = { "io.modelcontextprotocol/subscriptionId": id };
      const params = { _meta, notifications: { toolsListChanged: true } };
      const acknowledged = "notifications/subscriptions/acknowledged";
      const { response, end } = stream({ jsonrpc: "2.0", method: acknowledged, params });
      endSubscription = end;
      return response;
    }
    case "notifications/cancelled":
      return new Response(null, { status: 202 });
    default: {
      const error = { code: -32601, message: "Method not found" };
      return Response.json({ jsonrpc: "2.0", id, error }, { status: 404 });
    }
  }
}

async function main(specifier: string): Promise<void> {
  const { Client, StreamableHTTPClientTransport } = await import(specifier);
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  const url = new URL(`http://127.0.0.1:${server.addr.port}/mcp`);
  const transport = withSession(() => new StreamableHTTPClientTransport(url, { fetch: sendOnce }));
  const client = new Client({ name: "second", version: "1" }, {
    versionNegotiation: { mode: "auto" },
  });
  const errors: string[] = [];
  client.onerror = (error: Error) => errors.push(error.message);
  await client.connect(transport);

  const cancelling = new AbortController();
  const call = client.callTool({ name: "hold", arguments: {} }, { signal: cancelling.signal });
  await held.promise;
  cancelling.abort("enough");
  const cancelled = await call.catch((error: Error) => error.message);
  await closed.promise;

  const schema = {
    "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
  };
  const { status, text } = await client.request({ method: "un/known" }, schema)
    .catch(({ data }: { data: StreamsReport["unknown"] }) => data);

  const filter = { toolsListChanged: true };
  const ended = await client.listen(filter);
  endSubscription();
  const closings = [await ended.closed];
  const left = await client.listen(filter);
  await left.close();
  closings.push(await left.closed);
  await client.close();
  const report: StreamsReport = { cancelled, unknown: { status, text }, closings, methods, errors };
  console.log(JSON.stringify(report));
}

if (import.meta.main) await main(Deno.args[0] ?? "");
