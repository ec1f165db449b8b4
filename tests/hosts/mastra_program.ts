/** An agent built with Mastra. */

import { answerPrompts, JOB, load } from "./program.ts";

const [{ Agent }, { MCPClient }] = await Promise.all(
  ["@mastra/core/agent", "@mastra/mcp"].map(load),
);

function server() {
  if (JOB.server.kind === "url") {
    const { url, headers } = JOB.server;
    return { url: new URL(url), requestInit: { headers }, connectTimeout: JOB.hungMs };
  }
  const [command = "", ...args] = JOB.server.command;
  return { command, args, env: JOB.env };
}

const client = new MCPClient({ servers: { notebook: server() }, timeout: JOB.hungMs });
const agent = new Agent({
  id: "scripted",
  name: "scripted",
  instructions: "Play the script.",
  model: { id: "scripted/scripted", url: JOB.modelUrl, apiKey: "none" },
  tools: await client.listTools(),
});
await answerPrompts(async ({ prompt, messages }) => {
  const asked = [...messages, { role: "user", content: prompt }];
  const { text, response } = await agent.generate(asked, { maxSteps: 20 });
  return { text, messages: [...asked, ...response.messages] };
});
await client.disconnect();
