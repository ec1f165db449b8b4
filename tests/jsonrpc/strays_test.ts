import { assertEquals } from "@std/assert";
import { Strays } from "../../jsonrpc/strays.ts";

Deno.test("Strays: reports the first, the tenth, the hundredth", () => {
  const told: string[] = [];
  const strays = new Strays((message) => told.push(message));
  for (let count = 1; count <= 1000; count++) strays.add("why");
  assertEquals(told, [
    "why",
    "why (10 such lines so far)",
    "why (100 such lines so far)",
    "why (1000 such lines so far)",
  ]);
});
