/** Runs a file of broken stores, each of which must fail the tests that are named by their beginnings. */

import { assertEquals, assertMatch } from "@std/assert";

/**
 * Runs a fixture in which each broken store must fail tests, and one with the name `shared` may.
 *
 * @returns Its output.
 */
export async function failures(name: string, broken: Record<string, string[]>): Promise<string> {
  const fixture = new URL(`../../fixtures/store/${name}.ts`, import.meta.url);
  const begins = Object.entries(broken).flatMap(([name, promises]) =>
    promises.map((promise) => RegExp.escape(`${name}: ${promise}`))
  );
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--no-check",
      `--filter=/^(?:${begins.join("|")}|shared: )/`,
      fixture.href,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(code, 1);
  const said = new TextDecoder().decode(stdout);
  for (const each of begins) assertMatch(said, new RegExp(`^${each}.* FAILED`, "m"));
  return said;
}
