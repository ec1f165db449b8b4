/** The example that feeds Prometheus: what it counts, in the format that Prometheus reads. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { startServer } from "../support/servers/server.ts";
import { until } from "../support/until.ts";

const PROMETHEUS = new URL("../../examples/prometheus.ts", import.meta.url);

Deno.test("examples/prometheus.ts: counts requests by method, tool and outcome, in under thirty lines", async () => {
  const lines = (await Deno.readTextFile(PROMETHEUS)).trimEnd().split("\n");
  assert(lines.length < 30, `${lines.length} lines`);
  await using server = await startServer({
    server: PROMETHEUS,
    transport: "stdio",
    env: { METRICS_PORT: "0" },
    permissions: ["-A"],
  });
  for (let time = 0; time < 2; time++) await server.toolResult("hello");
  await server.request("made/up");
  await server.tool("made-up");
  const said = await until(() => server.stderr.join("\n"), (text) => text.includes("metrics on"));
  const response = await fetch(`${/metrics on (\S+)/.exec(said)?.[1]}/metrics`);
  const metrics = (await response.text()).trimEnd().split("\n");
  const counts = metrics.filter((line) => line.includes("_count"));
  const hello = 'method="tools/call",target="hello",outcome="ok"';
  const unknown = 'method="tools/call",target="_OTHER",outcome="tool_error"';
  assertEquals(counts, [
    `mcp_requests_seconds_count{${hello}} 2`,
    'mcp_requests_seconds_count{method="_OTHER",target="",outcome="error"} 1',
    `mcp_requests_seconds_count{${unknown}} 1`,
  ]);
  for (const line of metrics) assertMatch(line, /^[a-z_]+\{[^{}]*\} [\d.e-]+$/);
});
