/** The public API of the client: its exports, the members it forwards, its types. */

import { assertEquals } from "@std/assert";
import * as client from "../../../client/mod.ts";
import {
  Client,
  type Sdk2Transport,
  StreamableHTTPClientTransport,
  type Transport,
  type TransportSendOptions,
} from "../../../client/sdk.ts";
import { StdioClientTransport } from "../../../client/sdk_stdio.ts";

Deno.test("client: exports these names", () => {
  assertEquals(Object.keys(client).sort(), [
    "FileJar",
    "MemoryJar",
    "defaultJarPath",
    "isOutcomeUnknown",
    "sendOnce",
    "withSession",
  ]);
});

/** A transport that notes every use. */
function noting(): { transport: Sdk2Transport; used: unknown[][] } {
  const used: unknown[][] = [];
  const transport: Sdk2Transport = {
    sessionId: "transport-session",
    hasPerRequestStream: true,
    start: () => Promise.resolve(void used.push(["start"])),
    send: (message, options) => Promise.resolve(void used.push(["send", message, options])),
    close: () => Promise.resolve(void used.push(["close"])),
    setProtocolVersion: (version) => void used.push(["setProtocolVersion", version]),
    setSupportedProtocolVersions: (versions) => void used.push(["versions", versions]),
  };
  return { transport, used };
}

Deno.test("withSession: forwards every member that the Transport of either SDK has", async () => {
  // A member that the SDK adds makes this list incomplete, and that is an error of its type.
  const members: Record<keyof Required<Sdk2Transport>, true> = {
    start: true,
    send: true,
    close: true,
    onclose: true,
    onerror: true,
    onmessage: true,
    sessionId: true,
    setProtocolVersion: true,
    hasPerRequestStream: true,
    setSupportedProtocolVersions: true,
  };
  const { transport, used } = noting();
  const layer = client.withSession(() => transport);
  for (const member of Object.keys(members)) assertEquals(member in layer, true, member);

  layer.setSupportedProtocolVersions?.(["2026-07-28"]);
  await layer.start();
  assertEquals(used.splice(0), [["versions", ["2026-07-28"]], ["start"]]);
  assertEquals([layer.sessionId, layer.hasPerRequestStream], ["transport-session", true]);
  layer.setProtocolVersion?.("2025-11-25");
  const request = { jsonrpc: "2.0", id: "7", method: "x" } as const;
  const called: string[] = [];
  const options: Record<keyof Required<TransportSendOptions>, unknown> & TransportSendOptions = {
    relatedRequestId: 3,
    resumptionToken: "t",
    onresumptiontoken: (token) => void called.push(token),
    requestSignal: new AbortController().signal,
    onRequestStreamEnd: () => void called.push("ended"),
    headers: { "mcp-param-a": "b" },
  };
  await layer.send(request, options);
  const [[version], [, sent, sentOptions] = []] = [used.slice(0, 1), used[1]];
  assertEquals([version, sent], [["setProtocolVersion", "2025-11-25"], request]);
  const { onresumptiontoken, onRequestStreamEnd, ...others } = sentOptions as typeof options;
  onresumptiontoken?.("u");
  onRequestStreamEnd?.();
  assertEquals(called, ["u", "ended"]);
  assertEquals(others, {
    relatedRequestId: 3,
    resumptionToken: "t",
    requestSignal: options.requestSignal,
    headers: options.headers,
  });

  const received: unknown[] = [];
  layer.onmessage = (...args) => received.push(args);
  layer.onerror = (error) => received.push(error.message);
  layer.onclose = () => received.push("closed");
  const extra = { authInfo: { token: "t", clientId: "c", scopes: [] } };
  for (const id of [7, "7", 0]) {
    const answer = { jsonrpc: "2.0", id, result: {} } as const;
    transport.onmessage?.(answer, extra);
    assertEquals(received.pop(), [answer, extra], "ids keep their type");
  }
  transport.onerror?.(new Error("oh"));
  await layer.close();
  assertEquals(received, ["oh", "closed"]);
  assertEquals(used.at(-1), ["close"]);
});

Deno.test("withSession: a second close() waits for the first", async () => {
  const { transport } = noting();
  const ended = Promise.withResolvers<void>();
  transport.close = () => ended.promise;
  const layer = client.withSession(() => transport);
  await layer.start();
  let closed = 0;
  const closing = [layer.close(), layer.close()].map((close) => close.then(() => closed++));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(closed, 0);
  ended.resolve();
  await Promise.all(closing);
});

Deno.test("client: the SDK's types are not any", () => {
  // A line that is no error, as everything is allowed of any, makes this file fail its check.
  const wrong = [
    // @ts-expect-error a client has a name and a version
    () => new Client(7),
    // @ts-expect-error a command is a string
    () => new StdioClientTransport({ command: 7 }),
    // @ts-expect-error a URL is no number
    () => new StreamableHTTPClientTransport(7),
    // @ts-expect-error a transport has no such member
    (transport: Transport) => transport.nothing,
  ];
  assertEquals(wrong.length, 4);
});
