import { assertEquals, assertThrows } from "@std/assert";
import { ProofFailed, Reporter } from "../../../client/demo/reporter.ts";

const server = {
  name: "servers/notebook.ts",
  command: "deno run servers/notebook.ts --store x",
  stderr: () => "warning\n",
};
const client = { profile: "demo", capability: undefined, cookie: undefined };

/** A reporter, and all that it writes, in order. */
function recorded(terminal = false) {
  const written: string[] = [];
  const reporter = new Reporter({
    line: (text) => written.push(text),
    color: false,
    terminal: terminal ? { write: (text) => written.push(text), columns: () => 30 } : undefined,
    verbose: false,
  });
  reporter.claim("1. Claim", "reason.");
  reporter.run("stdio", "notebook");
  return { reporter, written };
}

Deno.test("Reporter: progress() stays in one row of the terminal, and the next line erases it", () => {
  const { reporter, written } = recorded(true);
  written.length = 0;
  reporter.progress("call of a tool with a long name");
  reporter.progress("start");
  reporter.server(server);
  reporter.notRun("part");
  assertEquals(written, [
    "\r\x1b[2K  over stdio: call of a tool ",
    "\r\x1b[2K  over stdio: start ...",
    "\r\x1b[2K",
    "  over stdio: servers/notebook.ts",
    "    – part",
  ]);
});

Deno.test("Reporter: progress() writes nothing where there is no terminal", () => {
  const { reporter, written } = recorded();
  const before = written.length;
  reporter.progress("start");
  assertEquals(written.length, before);
});

Deno.test("Reporter: step() shows a failure whole, and summary() ends with it", () => {
  const { reporter, written } = recorded();
  reporter.server(server);
  const came = "long ".repeat(100).trimEnd();
  assertThrows(
    () => reporter.step(client, "a step", { holds: false, expected: "1", came }),
    ProofFailed,
  );
  const failure = [
    "    ✗ a step",
    "      expected: 1",
    `      came:     ${came}`,
    "      from:     notebook over stdio, deno run servers/notebook.ts --store x",
    "      stderr:   warning",
  ];
  const first = written.indexOf("    ✗ a step");
  assertEquals(written.slice(first, first + 5), failure);
  reporter.summary([{ shows: "1. claim", over: "stdio", outcome: "failed", ms: 100 }]);
  assertEquals(written.slice(-7), ["", "1. Claim", ...failure]);
});

Deno.test("Reporter: error() names what was done, and keeps the lines of what came", () => {
  const { reporter, written } = recorded();
  reporter.progress("start of the server");
  reporter.error("one\ntwo\x1b");
  assertEquals(written.slice(-5), [
    "  over stdio",
    "    ✗ start of the server",
    "      expected: success",
    `      came:     one\n${" ".repeat(16)}two\ufffd`,
    "      from:     notebook over stdio",
  ]);
});
