/**
 * The MCP Inspector, which sends no cookie by itself, keeps its session from run to run: both versions can
 * put a conversation's id into `_meta`.
 */

import { testSeparateRuns } from "../support/servers/separate_runs.ts";
import { INSPECTORS, Inspectors } from "./inspector.ts";

let inspectors: Inspectors;

Deno.test.beforeAll(async () => {
  inspectors = await Inspectors.install();
});

for (const name of INSPECTORS) {
  testSeparateRuns(name, (reach, call, home) => inspectors.call(name, reach, call, home));
}
