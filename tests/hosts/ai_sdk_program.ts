/** An agent built with the Vercel AI SDK. */

import { answerPrompts, JOB, load } from "./program.ts";

const [{ generateText, isStepCount }, { createMCPClient }, { StdioMCPTransport }, provider] =
  await Promise.all(
    ["ai", "@ai-sdk/mcp", "@ai-sdk/mcp/mcp-stdio", "@ai-sdk/openai-compatible"].map(load),
  );

const model = provider.createOpenAICompatible({ name: "scripted", baseURL: JOB.modelUrl })(
  "scripted",
);

function connect() {
  if (JOB.server.kind === "url") {
    const { url, headers } = JOB.server;
    return createMCPClient({ transport: { type: "http", url, headers } });
  }
  const [command = "", ...args] = JOB.server.command;
  return createMCPClient({ transport: new StdioMCPTransport({ command, args, env: JOB.env }) });
}

const client = await connect();
const tools = await client.tools();
if (JOB.flags.includes("per-call")) {
  for (const [name, tool] of Object.entries<{ execute: unknown }>(tools)) {
    tool.execute = async (...call: unknown[]) => {
      const ofTheCall = await connect();
      try {
        return await (await ofTheCall.tools())[name].execute(...call);
      } finally {
        await ofTheCall.close();
      }
    };
  }
}
await answerPrompts(async ({ prompt, messages }) => {
  const asked = [...messages, { role: "user", content: prompt }];
  const stopWhen = isStepCount(20);
  const { text, responseMessages } = await generateText({
    model,
    tools,
    messages: asked,
    stopWhen,
  });
  return { text, messages: [...asked, ...responseMessages] };
});
await client.close();
