import { assert, assertEquals, assertThrows } from "@std/assert";
import { ENDPOINT_URL, HEADER, number, oneOf, text } from "../../runtime/flag_types.ts";
import { defineProgram, parseFlags, UsageError } from "../../runtime/flags.ts";

const OVEN = defineProgram({
  name: "oven",
  version: "1.2.3",
  flags: {
    heat: { type: oneOf("low", "medium", "high"), default: "low", help: "heat of the oven" },
    dish: {
      type: text("DISH"),
      help: "dish to bake: bread, pie or whatever else a cook finds in the book of recipes",
    },
    minutes: { type: number("a whole number", /^\d+$/), help: "time to bake" },
    herb: { type: text("HERB"), many: true, help: "herb to add" },
    light: { type: oneOf("on", "off"), bare: "on", help: "lamp" },
    fan: { goesWith: "--heat high", help: "moves the air" },
    bell: { goesWith: "--minutes", help: "rings at the end" },
    url: { type: ENDPOINT_URL, help: "URL of the recipe" },
    header: { type: HEADER, many: true, help: "header of the request" },
  },
  help: () => ({
    about: "Bakes.\n\nDoes not cook.",
    usage: ["oven [flags]", "oven --dish DISH"],
    sections: { Dishes: { bread: "takes an hour" } },
    notes: "Exit status: 0.",
  }),
});
const { name, flags, help } = defineProgram({
  name: "kitchen",
  flags: {
    hot: { goesWith: "bake", help: "heats first" },
    dish: { type: text("DISH"), help: "dish to cook" },
  },
  help: () => ({ about: "Cooks.", usage: ["kitchen"] }),
});
const KITCHEN = defineProgram({ name, flags, help, operands: true, command: "a cook's command" });
const PANTRY = defineProgram({ name, flags, help, operands: true });
const CELLAR = defineProgram({ name, flags, help, command: "a cook's command" });

function oven(...args: string[]) {
  const given = parseFlags(OVEN, args);
  if (given.kind === "asked") throw new Error(given.text);
  return given.flags;
}

Deno.test("parseFlags(): gives each value in its type", () => {
  const { heat, dish, minutes, herb, light, fan, url, header } = oven(
    ...["--heat=high", "--dish", "pie", "--minutes", "45", "--herb=dill", "--herb", "mint"],
    ...["--light", "--fan", "--url", "https://x/y", "--header", "X-A:  b:c "],
  );
  const typed: [
    "low" | "medium" | "high",
    string | undefined,
    number | undefined,
    readonly string[],
    "on" | "off" | undefined,
    boolean,
    URL | undefined,
    readonly [string, string][],
  ] = [heat, dish, minutes, herb, light, fan, url, header];
  assertEquals(typed, [
    "high",
    "pie",
    45,
    ["dill", "mint"],
    "on",
    true,
    new URL("https://x/y"),
    [["x-a", "b:c"]],
  ]);
});

Deno.test("parseFlags(): takes - alone for a value, and nothing else that begins so", () => {
  assertEquals(oven("--dish", "-").dish, "-");
  assertEquals(oven("--dish=-", "--light").dish, "-");
  assertThrows(() => oven("-"), UsageError, "Unknown argument");
  assertThrows(() => oven("--dish", "--light"), UsageError, "--dish needs a value");
});

Deno.test("parseFlags(): gives a default, nothing, an empty list and false for absent flags", () => {
  const { heat, dish, herb, light, fan } = oven();
  assertEquals([heat, dish, herb, light, fan], ["low", undefined, [], undefined, false]);
});

Deno.test.each<readonly [args: string[], value: unknown]>([
  [["--dish", "a=b"], "a=b"],
  [["--dish=a=b"], "a=b"],
  [["--dish=-1"], "-1"],
  [["--dish=--heat"], "--heat"],
  [["--dish=a\nb"], "a\nb"],
  [["--dish", " "], " "],
  [["--dish", "08"], "08"],
  [["--dish", "true"], "true"],
  [["--dish", "first", "--heat", "high", "--dish=last"], "last"],
  [["--minutes=x", "--minutes", "3", "--dish", "pie"], "pie"],
  [["--dish", "pie", "--"], "pie"],
])("parseFlags(): reads %o", (args, dish) => {
  assertEquals(oven(...args).dish, dish);
});

Deno.test.each<readonly [args: string[], fan: boolean]>([
  [["--fan"], true],
  [["--fan=true"], true],
  [["--fan", "true"], true],
  [["--fan=false"], false],
  [["--fan", "false"], false],
  [["--fan", "--fan=false"], false],
])("parseFlags(): a boolean is what %o says", (args, fan) => {
  assertEquals(oven("--heat", "high", ...args).fan, fan);
});

Deno.test("parseFlags(): a boolean that is false goes with everything", () => {
  assertEquals(oven("--fan=false").fan, false);
});

Deno.test.each<readonly [args: string[], light: unknown]>([
  [["--light"], "on"],
  [["--light", "--fan=false"], "on"],
  [["--light", "off"], "off"],
  [["--light=off"], "off"],
])("parseFlags(): a flag that may stand alone is what %o says", (args, light) => {
  assertEquals(oven(...args).light, light);
});

Deno.test.each<readonly [args: string[], message: string]>([
  [["--nonsense"], 'Unknown argument "--nonsense"'],
  [["--nonsense", "x"], 'Unknown argument "--nonsense"'],
  [["--nonsense=s3cret"], 'Unknown argument "--nonsense=…"'],
  [["--no-fan"], 'Unknown argument "--no-fan"'],
  [["--no-fan=true"], 'Unknown argument "--no-fan=…"'],
  [["--no-dish=pie"], 'Unknown argument "--no-dish=…"'],
  [["--constructor=x"], 'Unknown argument "--constructor=…"'],
  [["--Fan"], 'Unknown argument "--Fan"'],
  [["-fan"], 'Unknown argument "-fan"'],
  [["-h=no"], 'Unknown argument "-h=…"'],
  [["-hx"], 'Unknown argument "-hx"'],
  [["-"], 'Unknown argument "-"'],
  [["---fan"], 'Unknown argument "---fan"'],
  [["pie"], 'Unknown argument "pie"'],
  [["--fan", "pie"], 'Unknown argument "pie"'],
  [["--", "--dish", "pie"], 'Unknown argument "--dish"'],
  [[""], "An argument is empty"],
  [["--fan=no"], "--fan takes no value, or true or false"],
  [["--fan="], "--fan takes no value, or true or false"],
  [["--fan=TRUE", "--heat=high"], "--fan takes no value, or true or false"],
  [["--help=maybe"], "--help takes no value, or true or false"],
  [["--version=0"], "--version takes no value, or true or false"],
  [["--dish"], "--dish needs a value"],
  [["--dish="], "--dish needs a value"],
  [["--dish", ""], "--dish needs a value"],
  [["--dish", "--fan"], "--dish needs a value"],
  [["--dish=", "--dish", "pie"], "--dish needs a value"],
  [["--light", ""], "--light needs a value"],
  [["--herb", "dill", "--herb="], "--herb needs a value"],
  [
    ["--dish", "-1"],
    "--dish needs a value; one that begins with - stands behind =, as in --dish=-1",
  ],
  [["--heat", "hot"], '--heat takes low, medium or high, not "hot"'],
  [["--minutes", "1", "--minutes=x"], '--minutes takes a whole number, not "x"'],
  [
    ["--url", "ftp://me:s3cret@x/"],
    "--url takes the URL of an MCP endpoint, such as http://127.0.0.1:8765/mcp",
  ],
  [
    ["--header", "a b: s3cret"],
    "--header takes 'NAME: VALUE', such as 'Authorization: Bearer …'",
  ],
  [["--fan"], "--fan goes with --heat high"],
  [["--fan", "--heat", "medium"], "--fan goes with --heat high"],
  [["--bell"], "--bell goes with --minutes"],
])("parseFlags(): %o is a usage error", (args, message) => {
  const error = assertThrows(() => oven(...args), UsageError);
  assertEquals(error.message, `${message} (see --help)`);
});

Deno.test("UsageError: is one line in which nothing acts on a terminal", () => {
  assertEquals(new UsageError("a\x1b\u202e\nb").message, "a\ufffd\ufffd\ufffdb (see --help)");
});

Deno.test("parseFlags(): operands and a command stand where the program takes them", () => {
  const read = (program: typeof KITCHEN, ...args: string[]) => {
    const given = parseFlags(program, args);
    if (given.kind === "asked") throw new Error(given.text);
    return [given.flags.hot, given.operands, given.command];
  };
  const line = ["bake", "--hot", "7", "", "--", "--hot", "--", "x"];
  assertEquals(read(KITCHEN, ...line), [true, ["bake", "7", ""], ["--hot", "--", "x"]]);
  assertEquals(read(PANTRY, ...line), [true, ["bake", "7", "", "--hot", "--", "x"], undefined]);
  assertEquals(read(CELLAR, "--", "bake", "-h"), [false, [], ["bake", "-h"]]);
  assertEquals(read(KITCHEN, "fry"), [false, ["fry"], undefined]);
  for (
    const [program, args, message] of [
      [KITCHEN, ["fry", "--hot"], "--hot goes with bake"],
      [KITCHEN, ["-A"], 'Unknown argument "-A": a cook\'s command stands after --'],
      [CELLAR, ["bake"], 'Unknown argument "bake": a cook\'s command stands after --'],
    ] as const
  ) {
    const error = assertThrows(() => read(program, ...args), UsageError);
    assertEquals(error.message, `${message} (see --help)`);
  }
});

Deno.test("parseFlags(): --help and --version win over what is wrong beside them", () => {
  const wrong = ["--nonsense", "pie", "--dish", "--heat=hot", "--fan=no", "--bell"];
  for (const asks of ["--help", "-h", "--help=true"]) {
    for (const args of [[asks], [asks, ...wrong], [...wrong, asks], ["--version", asks]]) {
      const given = parseFlags(OVEN, args);
      assert(given.kind === "asked" && given.text.startsWith("Bakes."), args.join(" "));
    }
  }
  assertEquals(parseFlags(OVEN, [...wrong, "--version"]), { kind: "asked", text: "1.2.3" });
  assertEquals(oven("--help=false", "--dish", "pie").dish, "pie");
  assertThrows(() => parseFlags(PANTRY, ["--version"]), UsageError, "Unknown argument");
});

Deno.test("parseFlags(): the help is aligned, and filled to 100 columns", () => {
  const asked = parseFlags(OVEN, ["-h"]);
  assertEquals(
    asked.kind === "asked" && asked.text,
    `Bakes.

Does not cook.

Usage: oven [flags]
       oven --dish DISH

Dishes:
  bread                   takes an hour

Flags:
  --heat low|medium|high  heat of the oven (default: low)
  --dish DISH             dish to bake: bread, pie or whatever else a cook finds in the book of
                          recipes
  --minutes N             time to bake
  --herb HERB             herb to add (repeatable)
  --light on|off          lamp
  --fan                   moves the air
  --bell                  rings at the end
  --url URL               URL of the recipe
  --header 'NAME: VALUE'  header of the request (repeatable)
  -h, --help              show this
  --version               show the version

Exit status: 0.`,
  );
});

Deno.test("parseFlags(): makes no help where none is asked for", () => {
  const quiet = defineProgram({
    ...OVEN,
    help: () => {
      throw new Error("not asked for");
    },
  });
  assertEquals(parseFlags(quiet, []).kind, "given");
  assertThrows(() => parseFlags(quiet, ["--nonsense"]), UsageError);
});
