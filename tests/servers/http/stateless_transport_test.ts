/** The stateless transport: many clients on one server, and connections that are slow or gone. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { newServer } from "../../support/servers/in_process.ts";
import { listen } from "../../support/servers/listening.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { startServer } from "../../support/servers/server.ts";
import { callRequest, messagesOf, post, request } from "../../support/servers/wire.ts";

Deno.test("StatelessHttpTransport: keeps requests of the same id from different clients apart", async () => {
  await using server = await startServer({ server: "session_required", transport: "http" });
  const cookies = await Promise.all(Array.from({ length: 20 }, () => server.create()));
  const replies = await Promise.all(
    cookies.map((cookie) => server.send(callRequest("whoami", {}, 1, { "mcp/session": cookie }))),
  );
  assertEquals(
    replies.map(({ result }) => result?.structuredContent.session_id),
    cookies.map(({ id }) => id),
  );
});

Deno.test("StatelessHttpTransport: keeps the connection of a long call alive", async () => {
  const server = newServer();
  const finish = Promise.withResolvers<void>();
  server.registerTool("long", {}, async () => {
    await finish.promise;
    return { content: [{ type: "text", text: "done" }] };
  });
  await using listener = await listen(server, { keepAliveMs: 10 });
  const response = await post(listener.url, request("tools/call", { name: "long" }));
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  let text = "";
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    if (text.split(": keep-alive\n\n").length > 2) finish.resolve();
  }
  assertMatch(text, /^(: keep-alive\n\n){2,}event: message\ndata: \{.*"done".*\}\n\n$/);
});

Deno.test("StatelessHttpTransport: drops notifications that a client does not read, but not its response", async () => {
  const size = 10_000;
  const server = newServer();
  server.registerTool("chatty", {}, async ({ sendNotification }) => {
    const message = "x".repeat(size);
    for (let progress = 1; progress <= 2000; progress++) {
      const params = { progressToken: "p", progress, message };
      await sendNotification({ method: "notifications/progress", params });
    }
    return { content: [{ type: "text", text: "done" }] };
  });
  await using listener = await listen(server);
  using connection = await RawConnection.open(listener.url);
  await connection.post(request("tools/call", { name: "chatty" }), { connection: "close" });
  // Other clients are served while this one does not read its stream.
  const ping = await post(listener.url, request("ping"));
  assertEquals([ping.status, (await messagesOf(ping)).length], [200, 1]);
  const answer = await connection.rest();
  assertMatch(answer, /"text":"done"/);
  const got = answer.split('"method":"notifications/progress"').length - 1;
  assert(got > 0 && got < 2000, `${got} of 2000 notifications came`);
});

Deno.test("StatelessHttpTransport: close() ends pending requests", async () => {
  const server = newServer();
  const begun = Promise.withResolvers<void>();
  server.registerTool("never", {}, async () => {
    begun.resolve();
    await new Promise<never>(() => {});
    return { content: [] };
  });
  await using listener = await listen(server);
  const answer = post(listener.url, request("tools/call", { name: "never" }));
  await begun.promise;
  await server.close();
  assertEquals(await (await answer).text(), "");
  const after = await post(listener.url, request("ping"));
  assertEquals([after.status, after.headers.get("retry-after")], [503, "1"]);
  await after.text();
});
