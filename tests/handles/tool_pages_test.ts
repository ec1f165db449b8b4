import { assertEquals, assertRejects } from "@std/assert";
import { allTools } from "../../handles/tool_pages.ts";

const page = (tool: number, nextCursor?: unknown) => ({ tools: [tool], nextCursor });

Deno.test.each<readonly [what: string, pages: unknown[], tools: unknown[] | undefined]>([
  ["one page", [page(1)], [1]],
  ["three pages", [page(1, "a"), page(2, ""), page(3)], [1, 2, 3]],
  ["a cursor that is null", [page(1, null)], [1]],
  ["a cursor that is no text", [page(1, 7)], [1]],
  ["a page that leads back", [page(1, "a"), page(2, "b"), page(3, "a"), page(4)], [1, 2, 3]],
  ["a page without tools", [page(1, "a"), {}], undefined],
  ["no result", [undefined], undefined],
])("allTools: takes %s", async (_what, pages, tools) => {
  assertEquals(await allTools(() => Promise.resolve(pages.shift())), tools);
});

Deno.test("allTools: asks for each page by its cursor, for 1,000 pages at most", async () => {
  const asked: unknown[] = [];
  const tools = await allTools((params) => {
    asked.push(params);
    return Promise.resolve(page(asked.length, `${asked.length}`));
  });
  assertEquals(asked.slice(0, 3), [{}, { cursor: "1" }, { cursor: "2" }]);
  assertEquals([asked.length, tools?.length], [1000, 1000]);
});

Deno.test("allTools: rejects with the error of a page", async () => {
  await assertRejects(() => allTools(() => Promise.reject(new Error("gone"))), Error, "gone");
});
