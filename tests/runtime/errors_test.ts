import { assertEquals } from "@std/assert";
import { messageOf } from "../../runtime/errors.ts";

Deno.test("messageOf(): describes anything that is thrown", () => {
  const said = [
    new Error("one"),
    { message: "two" },
    "three",
    { secret: 4 },
    ["secret"],
    undefined,
  ];
  assertEquals(said.map(messageOf), [
    "one",
    "two",
    "three",
    "an error without a message",
    "an error without a message",
    "undefined",
  ]);
});
