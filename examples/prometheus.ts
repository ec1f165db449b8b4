/** A server whose requests Prometheus counts: `deno run -A examples/prometheus.ts`. */
import { McpServer, type Observer, serve, toolResult } from "@mcp-sessions/deno/serve";

const requests = new Map<string, { count: number; seconds: number }>();
const observer: Observer = {
  request: (request) => ({
    end({ kind, durationMs }) {
      const { method, target = "" } = request.label;
      const labels = `{method="${method}",target="${target}",outcome="${kind}"}`;
      const { count, seconds } = requests.get(labels) ?? { count: 0, seconds: 0 };
      requests.set(labels, { count: count + 1, seconds: seconds + durationMs / 1000 });
    },
  }),
};

function create(): McpServer {
  const server = new McpServer({ name: "prometheus", version: "1.0.0" });
  server.registerTool("hello", {}, () => toolResult("Hello", {}));
  return server;
}
const text = () =>
  [...requests].flatMap(([labels, { count, seconds }]) => [
    `mcp_requests_seconds_count${labels} ${count}\n`,
    `mcp_requests_seconds_sum${labels} ${seconds}\n`,
  ]).join("");
const port = Number(Deno.env.get("METRICS_PORT") ?? 9464);
const onListen = ({ port }: Deno.NetAddr) => console.error(`metrics on http://127.0.0.1:${port}`);
Deno.serve({ hostname: "127.0.0.1", port, onListen }, () => new Response(text()));
await serve({ name: "prometheus", description: "greets", policy: "optional", create, observer });
