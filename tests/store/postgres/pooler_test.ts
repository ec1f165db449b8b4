import { assertEquals } from "@std/assert";
import { PostgresRows } from "../../../store/postgres/postgres_rows.ts";

Deno.test.each(["26000", "42P05"])(
  "PostgresRows: names no statements any more behind a pooler that loses them (%s)",
  async (code) => {
    const names: (string | undefined)[] = [];
    const pool = {
      query: ({ name }: { readonly name?: string }) => {
        names.push(name);
        if (name !== undefined) return Promise.reject(Object.assign(new Error("lost"), { code }));
        return Promise.resolve({ rows: [] });
      },
      on: () => {},
      off: () => {},
      end: () => Promise.resolve(),
    };
    const close = () => pool.end();
    const rows = new PostgresRows(pool, {
      name: "The test",
      namespace: "a",
      timeoutMs: 1000,
      close,
    });
    const commit = { mark: "m", checks: [], sets: [[["s", "a"], "1"]] } as const;
    assertEquals(await rows.commit(commit), { kind: "made", version: "m" });
    assertEquals((await rows.read({ at: [["s", "a"]] })).at, [undefined]);
    assertEquals(names, ["mcp_sessions.commit_1", undefined, undefined]);
    await rows.close();
  },
);
