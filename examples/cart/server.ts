/**
 * Cart: a shop whose shelf anybody may look at, while a cart and what is bought need a session. `serve`
 * makes it a program with all the flags of `--help`, over stdio and HTTP.
 *
 *     deno run -A examples/cart/server.ts      to try it, run client.ts beside it
 */

import { currentSession, McpServer, serve, toolResult } from "@mcp-sessions/deno/serve";
import { z } from "zod";

const PRICES: Readonly<Record<string, number>> = { apples: 3, bread: 4, cheese: 9 };

function create(): McpServer {
  const server = new McpServer({ name: "cart", version: "1.0.0" });

  server.registerTool("browse", { description: "Lists what there is to buy" }, () => {
    return toolResult("What there is, with prices", PRICES);
  });

  server.registerTool("add", {
    description: "Puts something into the cart",
    inputSchema: { item: z.enum(["apples", "bread", "cheese"]) },
  }, async ({ item }) => {
    // One step that no other call gets between; it is on disk when the promise resolves.
    const count = await currentSession().update([item], (state) => {
      const count = Number(state.get(item) ?? 0) + 1;
      return { value: count, set: [[item, count]] };
    });
    return toolResult(`${count} × ${item} in the cart`, { [item]: count });
  });

  server.registerTool("view", { description: "Shows the cart" }, async () => {
    const items = Object.fromEntries(await Array.fromAsync(currentSession().entries()));
    return toolResult("The cart", items);
  });

  server.registerTool("check_out", { description: "Buys what is in the cart" }, async () => {
    const session = currentSession();
    const items = await Array.fromAsync(session.entries());
    const total = items.reduce((sum, [item, count]) => sum + PRICES[item]! * Number(count), 0);
    // The client goes on with a new, empty cart; nobody can pay for the old one again.
    await session.replace({ title: "Next cart", reason: "tool/check_out" });
    return toolResult(`Paid ${total}`, { total });
  });

  return server;
}

await serve({
  name: "cart",
  description: "a shop with a cart for each session",
  policy: "required",
  tools: { browse: "optional" },
  handles: "never",
  create,
});
