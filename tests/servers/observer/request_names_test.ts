import { assertEquals } from "@std/assert";
import { RequestNames } from "../../../servers/base/observer/request_names.ts";

Deno.test("RequestNames: a server that takes any name for a tool, a prompt or a method has few labels all the same", () => {
  const names = new RequestNames();
  const labels = new Set<string>();
  for (let number = 0; number < 5000; number++) {
    for (const method of ["tools/call", "prompts/get", `made/up/${number}`]) {
      names.learn(method, `name ${number}`, {});
      labels.add(JSON.stringify(names.labelOf(method, `name ${number}`)));
    }
  }
  assertEquals(labels.size, 1003);
  names.learn("tools/list", undefined, { tools: [{ name: "late" }] });
  assertEquals(names.labelOf("tools/call", "late"), { method: "tools/call", target: "_OTHER" });
});

Deno.test("RequestNames: a long name is none, nor is what a list has in the place of one", () => {
  const names = new RequestNames();
  const long = "x".repeat(129);
  const tools = [{ name: "short" }, { name: long }, { name: 7 }, null, "text"];
  names.learn("tools/list", undefined, { tools });
  names.learn("tools/call", long, {});
  names.learn("prompts/list", undefined, { prompts: "none" });
  const targets = ["short", long, "text", "7"].map((name) =>
    names.labelOf("tools/call", name).target
  );
  assertEquals(targets, ["short", "_OTHER", "_OTHER", "_OTHER"]);
  // A prompt of that name is another thing.
  assertEquals(names.labelOf("prompts/get", "short").target, "_OTHER");
  assertEquals(names.labelOf("resources/read", "short").target, undefined);
});
