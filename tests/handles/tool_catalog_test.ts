import { assertEquals } from "@std/assert";
import { HandleCatalog } from "../../handles/tool_catalog.ts";

const closed = (name: string) => ({ name, inputSchema: { type: "object", maxProperties: 1 } });

Deno.test("HandleCatalog: names all tools that can take no argument in one finding", () => {
  const catalog = new HandleCatalog();
  const told = () => catalog.findings.map(({ why, effect }) => `${effect} as ${why}`);
  catalog.add([closed("a")]);
  assertEquals(told(), [
    "calls of it cannot name a session as its tool a can take no further argument by its schema",
  ]);
  catalog.add(["b", "c", "d", "e", "f", "g"].map(closed));
  assertEquals(told(), [
    "calls of them cannot name a session as its tools a, b, c, d, e and 2 more can take no further " +
    "argument by their schemas",
  ]);
});
