/**
 * Wizard: a tool that asks its user one thing after the other, by `ask`, for clients of both eras of MCP.
 * A legacy client is sent a request; a modern one gets the question as its result and calls again, and the
 * tool runs again from its beginning with the answers so far.
 *
 *     deno run -A examples/wizard/server.ts      to try it, run client.ts beside it
 */

import { ask, currentSession, McpServer, serve, toolResult } from "@mcp-sessions/deno/serve";

/** One question of the wizard; `undefined` if the user does not want to answer. */
async function answerTo(key: string, message: string): Promise<string | undefined> {
  const answers = await ask({
    [key]: {
      method: "elicitation/create",
      params: {
        message,
        requestedSchema: {
          type: "object",
          properties: { answer: { type: "string" } },
          required: ["answer"],
        },
      },
    },
  });
  const { action, content } = answers[key]!;
  return action === "accept" ? String(content?.answer) : undefined;
}

function create(): McpServer {
  const server = new McpServer({ name: "wizard", version: "1.0.0" });

  server.registerTool("book", { description: "Books a table" }, async () => {
    const day = await answerTo("day", "For which day?");
    const guests = await answerTo("guests", "For how many?");
    if (day === undefined || guests === undefined) return toolResult("Not booked", {});
    // What stands before the last question is done in every round: write after it.
    await currentSession().set("table", { day, guests });
    return toolResult(`Booked for ${guests} on ${day}`, {});
  });

  server.registerTool("booking", { description: "Shows what is booked" }, async () => {
    return toolResult("The booking", { table: await currentSession().get("table") ?? null });
  });

  return server;
}

await serve({ name: "wizard", description: "books tables", policy: "required", create });
