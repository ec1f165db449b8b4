import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BRIDGE, settingsOf } from "../../../client/bridge/flags.ts";
import { parseFlags, UsageError } from "../../../runtime/flags.ts";

function read(...args: readonly string[]) {
  const given = parseFlags(BRIDGE, args);
  if (given.kind === "asked") throw new Error(given.text);
  return settingsOf(given);
}

Deno.test("settingsOf(): every flag of the bridge has its place", () => {
  const flags = ["--conversation-key", "a", "--conversation-key=b/c", "--log-level=debug"];
  const overHttp = read("--url", "http://x/mcp", "--header=a: b", "--session", "s", ...flags);
  assertEquals(overHttp, {
    behind: { kind: "url", url: new URL("http://x/mcp"), headers: [["a", "b"]] },
    url: new URL("http://x/mcp"),
    header: [["a", "b"]],
    session: "s",
    "per-process": false,
    "conversation-key": ["a", "b/c"],
    "log-level": "debug",
  });
  const overStdio = read("--per-process", "--", "deno", "run", "--help");
  assertEquals(overStdio.behind, { kind: "command", command: "deno", args: ["run", "--help"] });
  assertEquals([overStdio.session, overStdio["per-process"]], [undefined, true]);
});

const WRONG: readonly [args: readonly string[], says: string][] = [
  [[], "Which server?"],
  [["--url", "http://127.0.0.1:1/mcp", "--", "server"], "Which server?"],
  [["--"], "Which server?"],
  [["--url", "server.ts"], "--url takes"],
  [["--url", "ftp://127.0.0.1/"], "--url takes"],
  [["--url", "http://me:secret@127.0.0.1/"], "--header"],
  [["--url="], "--url needs a value"],
  [["--session", "", "--", "server"], "--session needs a value"],
  [["--url", "http://127.0.0.1/", "--session="], "--session needs a value"],
  [["--url", "http://127.0.0.1/", "--header", "secret"], "--header takes"],
  [["--url", "http://127.0.0.1/", "--header", "a b: secret"], "--header takes"],
  [["--header", "a: b", "--", "server"], "--header goes with --url"],
  [["--session", "notes", "--per-process", "--", "server"], "either --session NAME or"],
  [["--per-process=maybe", "--", "server"], "--per-process takes no value"],
  [["--log-level", "loud", "--", "server"], "--log-level takes"],
  [["--stateful", "--", "server"], "--stateful"],
  [["deno", "run"], "stands after --"],
];

Deno.test("settingsOf(): a usage error says what is wrong, without secrets", () => {
  for (const [args, says] of WRONG) {
    const { message } = assertThrows(() => read(...args), UsageError, undefined, args.join(" "));
    assertStringIncludes(message, says);
    assert(!message.includes("secret"), message);
  }
});
