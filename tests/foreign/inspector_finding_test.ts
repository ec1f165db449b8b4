/**
 * The MCP Inspector, which sends no cookie by itself, goes on in the same session from one run to the
 * next. Both versions of its command line can put a conversation's id into `_meta`.
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
