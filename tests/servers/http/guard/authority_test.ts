/** Hosts and origins in all their spellings. */

import { assertEquals } from "@std/assert";
import {
  canonicalOrigin,
  hostMatcher,
  inAscii,
  parseAuthority,
} from "../../../../servers/base/http/guard/authority.ts";
import { originMatcher } from "../../../../servers/base/http/guard/cors.ts";

Deno.test("hostMatcher(): matches every spelling of the hosts, and no other host", () => {
  const isAllowed = hostMatcher([
    "127.0.0.1:8765",
    "localhost:8765",
    "[::1]:8765",
    "My-Mac.Local",
    "10.0.0.5:9000",
    "name.:8080",
    "plain.example:80",
    "secure.example:443",
    "münchen.example",
    "[2001:db8::1]",
  ]);
  const allowed = [
    "127.0.0.1:8765",
    "LocalHost:8765",
    "localhost.:8765",
    "localhost:08765",
    "[::1]:8765",
    "[0:0:0:0:0:0:0:1]:8765",
    "[0000:0000::0001]:8765",
    "my-mac.local",
    "MY-MAC.LOCAL.",
    "my-mac.local:",
    "my-mac.local:80",
    "my-mac.local:443",
    "10.0.0.5:9000",
    "name:8080",
    "Name.:8080",
    "plain.example",
    "plain.example:80",
    "secure.example",
    "secure.example:443",
    "xn--mnchen-3ya.example",
    "[2001:DB8:0:0::1]",
  ];
  for (const host of allowed) assertEquals(isAllowed(host), true, host);
  const refused = [
    "",
    ".",
    ":8765",
    "localhost",
    "localhost:80",
    "localhost..:8765",
    "localhost.evil:8765",
    "localhost.evil.example:8765",
    "evil.localhost:8765",
    "user@localhost:8765",
    "localhost:8765@evil.example",
    "localhost:8765:8765",
    "local%68ost:8765",
    "local\u00adhost:8765",
    "2130706433:8765",
    "127.1:8765",
    "localhost:74301",
    "plain.example:443",
    "secure.example:80",
    "my-mac.local:9000",
    "name",
    "10.0.0.5",
    "example.com",
    "evil.my-mac.local",
    "my-mac.local.evil.example",
    "my-mac.local, evil.example",
  ];
  for (const host of refused) assertEquals(isAllowed(host), false, host);
});

Deno.test("originMatcher(): matches origins of any scheme in every spelling, and no other", () => {
  const cases: [listed: string, origin: string][] = [
    ["chrome-extension://abcdefghijklmnopabcdefghijklmnop", ""],
    ["moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", ""],
    ["vscode-webview://1ab2c3d4", ""],
    ["tauri://localhost", ""],
    ["capacitor://localhost", ""],
    ["app://.", ""],
    ["app://main:81", ""],
    ["HTTPS://App.Example.com:443", "https://app.example.com"],
    ["http://plain.example", "http://plain.example:80"],
    ["http://[0:0:0:0:0:0:0:1]:6274", "http://[::1]:6274"],
  ];
  const isAllowed = originMatcher(cases.map(([listed]) => listed));
  for (const [listed, origin] of cases) assertEquals(isAllowed(origin || listed), true, listed);
  const refused = [
    "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba",
    "chrome-extension://",
    "vscode-webview://1ab2c3d4.evil.example",
    "tauri://localhost:1",
    "http://localhost",
    "https://plain.example",
    "http://app.example.com:443",
    "null",
    "*",
  ];
  for (const origin of refused) assertEquals(isAllowed(origin), false, origin);
  assertEquals(originMatcher(["null"])("null"), true, "listed text is compared literally");
});

Deno.test("canonicalOrigin(): formats an origin as a browser sends it", () => {
  const cases: [text: string, origin: string | undefined][] = [
    ["HTTPS://App.Example.com.:443", "https://app.example.com"],
    ["wss://h:443", "wss://h"],
    ["http://h:8080", "http://h:8080"],
    ["null", undefined],
    ["https://h/", undefined],
    ["https://user@h", undefined],
    ["https://", undefined],
  ];
  for (const [text, origin] of cases) assertEquals(canonicalOrigin(text), origin, text);
});

Deno.test("parseAuthority(): parses a host with or without a port", () => {
  assertEquals(parseAuthority("H.:80"), { name: "h", port: 80 });
  assertEquals(parseAuthority("[0::1]"), { name: "[::1]", port: undefined });
  for (const text of ["", "h:65536", "[::g]", "a b", "h/x"]) {
    assertEquals(parseAuthority(text), undefined, text);
  }
});

Deno.test("inAscii(): converts names to Punycode, and leaves the rest", () => {
  assertEquals(inAscii("https://münchen.example:8443"), "https://xn--mnchen-3ya.example:8443");
  assertEquals(inAscii("mcp.example.com:80"), "mcp.example.com:80");
});
