/** The guard in front of an endpoint, put together by hand as a user of the library does. */

import { assertEquals, assertRejects } from "@std/assert";
import { type AuthInfo, httpHandler } from "../../../../servers/base/mod.ts";
import { newServer } from "../../../support/servers/in_process.ts";
import { listen } from "../../../support/servers/listening.ts";
import { messagesOf, post, request } from "../../../support/servers/wire.ts";

Deno.test("httpHandler(): passes the caller to the tool, and its principal to the session", async () => {
  const server = newServer();
  server.registerTool("who", {}, ({ authInfo }) => ({
    content: [{ type: "text", text: `${authInfo?.extra?.sub}` }],
  }));
  const caller = (token: string, sub: string): AuthInfo => ({
    token,
    clientId: "app",
    scopes: [],
    extra: { iss: "https://id.example.com", sub },
  });
  await using listener = await listen(server, {
    authenticate: ({ headers }) => {
      const token = headers.get("authorization") ?? "";
      return token.startsWith("alice") ? caller(token, "alice") : undefined;
    },
  });
  const ask = async (token: string, method: string, params: object = {}) => {
    const response = await post(listener.url, request(method, params), { authorization: token });
    return (await messagesOf(response))[0]?.result;
  };
  const result = await ask("alice 1", "tools/call", { name: "who" });
  assertEquals(result?.content[0]?.text, "alice");
  const created = await ask("alice 1", "session/create");
  const listed = await ask("alice 2", "session/list");
  assertEquals(listed?.sessions.map(({ id }) => id), [created?.id]);
});

Deno.test("httpHandler(): lets a page read a response with immutable headers", async () => {
  const origin = "https://app.example.com";
  await using listener = await listen(newServer(), {
    origins: [origin],
    authenticate: () => Response.redirect("https://id.example.com/", 303),
  });
  const response = await fetch(listener.url, { headers: { origin }, redirect: "manual" });
  assertEquals(response.status, 303);
  assertEquals(response.headers.get("access-control-allow-origin"), origin);
  await response.body?.cancel();
});

Deno.test("httpHandler(): lets a page read the 500 of a failing endpoint, and reports the error", async () => {
  const origin = "https://app.example.com";
  const endpoint = { fetch: () => Promise.reject(new Error("secret")) };
  const options = { hosts: ["mcp.example.com"], origins: [origin] };
  const request = () => new Request("https://mcp.example.com/", { headers: { origin } });
  const told: string[] = [];
  const onerror = (error: Error) => void told.push(error.message);
  const response = await httpHandler(endpoint, { ...options, onerror })(request());
  assertEquals(
    [response.status, response.headers.get("access-control-allow-origin"), told],
    [500, origin, ["secret"]],
  );
  assertEquals((await response.text()).includes("secret"), false);
  await assertRejects(() => httpHandler(endpoint, options)(request()), Error, "secret");
});
