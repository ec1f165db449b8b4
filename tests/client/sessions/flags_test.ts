import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { commandOf, SESSIONS } from "../../../client/sessions/flags.ts";
import { parseFlags, UsageError } from "../../../runtime/flags.ts";

function read(...args: readonly string[]) {
  const given = parseFlags(SESSIONS, args);
  if (given.kind === "asked") throw new Error(given.text);
  return commandOf(given);
}

const SETTINGS = { jar: undefined, profile: undefined, json: false, full: false };

Deno.test("commandOf(): a command, its server and its settings stand in any order", () => {
  const server = ["--url", "http://x/mcp", "--header=a: b"];
  assertEquals(read(...server, "create", "--title", "T", "--json"), {
    kind: "server",
    action: { kind: "create", title: "T" },
    target: { kind: "http", url: new URL("http://x/mcp"), headers: [["a", "b"]] },
    settings: { ...SETTINGS, json: true },
  });
  assertEquals(read("call", "7", '{"a":1}', "--profile=p", "--", "deno", "run", "--full"), {
    kind: "server",
    action: { kind: "call", tool: "7", args: { a: 1 } },
    target: { kind: "stdio", command: "deno", args: ["run", "--full"] },
    settings: { ...SETTINGS, profile: "p" },
  });
  assertEquals(read("jar", "use", "http://x/mcp", "sess-1", "--jar", "j", "--full"), {
    kind: "jar",
    action: { kind: "jar use", server: "http://x/mcp", id: "sess-1" },
    settings: { ...SETTINGS, jar: "j", full: true },
  });
});

const ANY = ["--url", "http://127.0.0.1:1/mcp"];

const WRONG: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [[], /A command is missing/],
  [["nonsense", ...ANY], /no command nonsense/],
  [["list"], /Which server\?/],
  [["list", ...ANY, "--", "x"], /Which server\?/],
  [["list", "--"], /Which server\?/],
  [["list", "--url", "example.com"], /--url takes the URL/],
  [["list", "--url"], /--url needs a value/],
  [["list", "--url="], /--url needs a value/],
  [["list", "--token=s3cret", ...ANY], /Unknown argument "--token=…"/],
  [["list", ...ANY, "--header", "s3cret"], /--header takes 'NAME: VALUE'/],
  [["list", ...ANY, "--header", "a b: s3cret"], /--header takes 'NAME: VALUE'/],
  [["list", "--header", "a: b", "--", "x"], /--header goes with --url/],
  [["list", "--title", "t", ...ANY], /--title goes with create/],
  [["delete", "a", "b", ...ANY], /delete takes one ID/],
  [["call", ...ANY], /call takes TOOL/],
  [["call", "t", "[1]", ...ANY], /a JSON object/],
  [["call", "t", "{", ...ANY], /a JSON object/],
  [["jar"], /jar needs list, use or clear/],
  [["jar", "use", "sess-1"], /jar use takes SERVER and ID/],
  [["jar", "list", ...ANY], /jar commands reach no server/],
  [["jar", "clear", "--profile", ""], /--profile needs a value/],
  [["jar", "list", "--full=0"], /--full takes no value/],
];

Deno.test("commandOf(): a usage error says what is wrong, without secrets", () => {
  for (const [args, says] of WRONG) {
    const { message } = assertThrows(() => read(...args), UsageError, undefined, args.join(" "));
    assertMatch(message, says);
    assert(!message.includes("s3cret"), message);
  }
});
