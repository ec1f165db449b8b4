import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type FlaggedServer, readFlags } from "../../../servers/base/serve/flags.ts";
import { UsageError } from "../../../runtime/flags.ts";

const HTTP = ["--transport", "streamable-http"];

function read(args: readonly string[], server: Partial<FlaggedServer> = {}) {
  const command = readFlags({ name: "notebook", description: "keeps notes", ...server }, "1", args);
  if (command.kind !== "serve") throw new Error(command.text);
  return command;
}

Deno.test("readFlags(): serves on stdio by default", () => {
  assertEquals(read([]), {
    kind: "serve",
    http: undefined,
    store: undefined,
    bind: undefined,
    sessionName: undefined,
    conversationKeys: [],
    handles: undefined,
    era: "both",
    ttlMs: 7 * 86_400_000,
    maxAgeMs: Infinity,
    audit: undefined,
    logLevel: "warn",
    logFormat: "text",
  });
});

Deno.test("readFlags(): every flag has its place in the settings", () => {
  const http = read([
    ...[...HTTP, "--host=[::]", "--port", "0", "--path=/x", "--stateful", "--tokens", "t"],
    ...["--allow-anonymous", "--allowed-host", "Example.com:80", "--allowed-host=10.0.0.5"],
    ...["--allowed-origin", "HTTP://localhost:80", "--store=memory:", "--ttl", "90s"],
    ...["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy=::1", "--drain", "5s"],
    ...["--bind=conversation", "--conversation-key", "a", "--conversation-key=b/c"],
    ...["--max-age", "30d", "--audit", "-"],
    ...["--session", "mine", "--handles", "--era=modern", "--log-level", "debug"],
    "--log-format=json",
  ]);
  assertEquals(http, {
    kind: "serve",
    http: {
      host: "::",
      port: 0,
      path: "/x",
      stateful: true,
      tokens: "t",
      allowAnonymous: true,
      allowedHosts: ["example.com:80", "10.0.0.5"],
      allowedOrigins: ["http://localhost"],
      trustedProxies: ["10.0.0.0/8", "::1"],
      drainMs: 5000,
    },
    store: "memory:",
    bind: ["conversation"],
    sessionName: "mine",
    conversationKeys: ["a", "b/c"],
    handles: "always",
    era: "modern",
    ttlMs: 90_000,
    maxAgeMs: 30 * 86_400_000,
    audit: "-",
    logLevel: "debug",
    logFormat: "json",
  });
});

Deno.test("readFlags(): --handles takes what it took when it was a boolean", () => {
  const cases = [["true", "always"], ["false", "never"], ["auto", "auto"]] as const;
  for (const [text, mode] of cases) {
    assertEquals(read([`--handles=${text}`]).handles, mode);
    assertEquals(read(["--handles", text]).handles, mode);
  }
});

Deno.test("readFlags(): a server that authenticates by itself takes --session, and no --tokens", () => {
  const authenticate = () => undefined;
  assertEquals(read([...HTTP, "--session", "me"], { authenticate }).sessionName, "me");
  assertThrows(
    () => read([...HTTP, "--tokens", "t"], { authenticate }),
    UsageError,
    "--tokens cannot be used",
  );
});

Deno.test("readFlags(): a usage error names the flag that is wrong", () => {
  const cases: readonly (readonly [args: readonly string[], named: string])[] = [
    [["--nonsense"], "--nonsense"],
    [["positional"], "positional"],
    [["--transport", "http"], "streamable-http"],
    [["--ttl", "7"], "--ttl"],
    [["--ttl", "0s"], "--ttl"],
    [["--ttl", "1w"], "--ttl"],
    [["--ttl=-5s"], "--ttl"],
    [["--ttl", "999999999999d"], "--ttl"],
    [["--log-level", "loud"], "--log-level"],
    [["--port", "1"], "--port goes with --transport streamable-http"],
    [["--stateful"], "--transport"],
    [[...HTTP, "--port", "65536"], "--port"],
    [[...HTTP, "--port", "x"], "--port"],
    [[...HTTP, "--path", "mcp"], "--path"],
    [[...HTTP, "--path", "/a/../b"], "--path"],
    [[...HTTP, "--path", "/a{b}"], "--path"],
    [[...HTTP, "--path", "/a?b"], "--path"],
    [[...HTTP, "--host", "0.0.0.0"], "--host"],
    [[...HTTP, "--host", "127.999.1.1"], "--host"],
    [[...HTTP, "--host", "example.com"], "--host"],
    [[...HTTP, "--host", "::"], "--host"],
    [[...HTTP, "--host", "a b", "--allow-anonymous"], "--host"],
    [[...HTTP, "--host", "127.0.0.1:80"], "--host"],
    [[...HTTP, "--allowed-host", "http://example.com"], "--allowed-host"],
    [[...HTTP, "--allowed-host", "user@example.com"], "--allowed-host"],
    [[...HTTP, "--allowed-host", "example.com:65536"], "--allowed-host"],
    [[...HTTP, "--allowed-host", "[::g]"], "--allowed-host"],
    [[...HTTP, "--allowed-host", ":80"], "--allowed-host"],
    [[...HTTP, "--allowed-host", "127.1"], "--allowed-host"],
    [[...HTTP, "--allowed-origin", "*"], "--allowed-origin"],
    [[...HTTP, "--allowed-origin", "null"], "--allowed-origin"],
    [[...HTTP, "--allowed-origin", "example.com"], "--allowed-origin"],
    [[...HTTP, "--allowed-origin", "https://example.com/"], "--allowed-origin"],
    [[...HTTP, "--allowed-origin", "tauri://localhost/x"], "--allowed-origin"],
    [[...HTTP, "--allowed-origin", "tauri://"], "--allowed-origin"],
    [[...HTTP, "--allowed-origin", "tauri:localhost"], "--allowed-origin"],
    [[...HTTP, "--allowed-origin", "https://user@example.com"], "--allowed-origin"],
    ...["/livez", "/healthz", "/readyz"].map((path) =>
      [[...HTTP, "--path", path], `--path ${path}`] as const
    ),
    ...[
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0",
      "::1/129",
      "fe80::1%eth0",
      "proxy.example.com",
      "[::1]",
    ]
      .map((block) => [[...HTTP, "--trusted-proxy", block], "--trusted-proxy takes"] as const),
    [["--trusted-proxy", "::1"], "--trusted-proxy goes with --transport streamable-http"],
    [[...HTTP, "--drain", "5"], "--drain"],
    [[...HTTP, "--drain", "2h"], "--drain takes a time of at most an hour"],
    [["--drain", "5s"], "--drain goes with --transport streamable-http"],
    [["--tokens", "tokens"], "--tokens"],
    [["--allow-anonymous"], "--allow-anonymous"],
    [["--allowed-host", "example.com"], "--allowed-host"],
    [["--bind", "some"], "--bind"],
    [["--bind", "none", "--conversation-key", "k"], "--conversation-key"],
    [["--bind", "conversation,"], "--bind"],
    [["--bind", "conversation,all"], "--bind"],
    [["--handles", "some"], '--handles takes auto, always or never, not "some"'],
    [["--session", "x".repeat(257)], "--session"],
    [[...HTTP, "--session", "mine"], "add --tokens FILE"],
    [[...HTTP, "--session", "mine", "--allow-anonymous"], "add --tokens FILE"],
  ];
  for (const [args, named] of cases) {
    const { message } = assertThrows(() => read(args), UsageError, undefined, args.join(" "));
    assertStringIncludes(message, named);
  }
});
