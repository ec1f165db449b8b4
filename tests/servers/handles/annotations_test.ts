/** Annotations: what hosts read before they run a tool without asking a person (section 7). */

import { assert, assertEquals } from "@std/assert";
import { type ServerName, SERVERS, startServer } from "../../support/servers/server.ts";

const hints = (
  readOnlyHint: boolean,
  destructiveHint: boolean,
  idempotentHint: boolean,
) => ({ readOnlyHint, destructiveHint, idempotentHint, openWorldHint: false });

const READS = hints(true, false, true);
/** Counts its own call, so that two answers differ. */
const COUNTS = hints(true, false, false);

const ANNOTATIONS: Record<ServerName, Record<string, unknown>> = {
  session: { session_probe: hints(false, true, false) },
  session_required: { echo: READS, whoami: COUNTS },
  notebook: {
    notebook_append: hints(false, false, false),
    notebook_read: READS,
    notebook_clear: hints(false, true, true),
    notebook_status: COUNTS,
  },
  hashcheck: {
    hashcheck_store: hints(false, true, true),
    hashcheck_verify: READS,
    hashcheck_list: READS,
    hashcheck_delete: hints(false, true, true),
  },
};

for (const name of SERVERS) {
  Deno.test(`${name}: each tool has its annotations, and openWorldHint false`, async () => {
    await using server = await startServer({ server: name, transport: "stdio" });
    await server.initialize();
    // A caller that knows sessions sees the server's own tools alone.
    const { tools } = await server.result("tools/list", { _meta: { "mcp/session": null } });
    assertEquals(
      Object.fromEntries(tools.map(({ name, annotations }) => [name, annotations])),
      ANNOTATIONS[name],
    );
  });

  Deno.test(`${name} --handles: has three more tools, one of them destructive`, async () => {
    const flags = ["--handles"];
    await using server = await startServer({ server: name, transport: "stdio", flags });
    await server.initialize();
    const { tools } = await server.result("tools/list");
    const added = tools.filter(({ name: tool }) => !Object.hasOwn(ANNOTATIONS[name], String(tool)));
    assertEquals(
      added.map(({ name, annotations }) => {
        const { readOnlyHint, destructiveHint, openWorldHint } = Object(annotations);
        return [name, readOnlyHint, destructiveHint, openWorldHint];
      }),
      [
        ["session_create", false, false, false],
        ["session_list", true, false, false],
        ["session_end", false, true, false],
      ],
    );
  });

  Deno.test(`${name}: an optional argument may be null, by its schema too`, async () => {
    await using server = await startServer({ server: name, transport: "stdio" });
    await server.initialize();
    const cookie = await server.create();
    const { tools } = await server.result("tools/list", { _meta: { "mcp/session": null } });
    const optional = tools.flatMap((tool) => {
      const { properties = {}, required = [] } = Object(tool.inputSchema);
      return Object.entries(properties)
        .filter(([argument]) => !required.includes(argument))
        .map(([argument, schema]) => ({ tool: String(tool.name), argument, schema, required }));
    });
    assertEquals(
      optional.map(({ tool, argument }) => `${tool}.${argument}`),
      name === "session" ? ["session_probe.action", "session_probe.note"] : [],
    );
    for (const { tool, argument, schema, required } of optional) {
      const kinds: { type?: unknown }[] = Object(schema).anyOf ?? [];
      assert(kinds.some(({ type }) => type === "null"), `${tool}.${argument}: no null`);
      assertEquals(required, []);
      const { isError } = await server.toolResult(tool, { [argument]: null }, cookie);
      assertEquals(isError, undefined);
    }
  });
}
