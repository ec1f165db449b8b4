/** Jars in files, and processes that share them. */

import { assertEquals } from "@std/assert";
import { FileJar } from "../../../client/mod.ts";
import { Fixture } from "../store/processes.ts";

export const KEY = { server: "https://example.com/mcp", profile: "default" };

/** The script of {@linkcode Fixture}. */
export const PROCESS = "../client/jar";

/** Opens a jar that collects its warnings. */
export async function openJar(path: string, warnings: string[] = [], now?: () => number) {
  return await FileJar.open(path, { now, warn: (text) => warnings.push(text) });
}

export function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

/** Has ten processes use a jar from the same moment; their warnings. */
export async function fileTogether(path: string, count: number): Promise<string[]> {
  await using open = new AsyncDisposableStack();
  using lock = await Deno.open(`${path}.lock`, { write: true, create: true, mode: 0o600 });
  await lock.lock(true);
  const processes = Array.from(
    { length: 10 },
    (_, n) => open.use(new Fixture(PROCESS, path, "file", `p${n}`, `${count}`)),
  );
  for (const { lines } of processes) assertEquals((await lines.next()).value, "started");
  await lock.unlock();
  const warnings = await Promise.all(processes.map(async (process) => {
    const { value } = await process.lines.next();
    assertEquals(await process.ended(), 0);
    return JSON.parse(value ?? "[]");
  }));
  return warnings.flat();
}

export async function assertAllFiled(path: string, count: number) {
  await using jar = await openJar(path);
  const filed = (await jar.list()).map(({ server, cookie }) => [server, cookie.id].join(" "));
  const expected = Array.from({ length: 10 }, (_, p) =>
    Array.from(
      { length: count },
      (_, n) => `https://p${p}.example/${n + 1} p${p}-${n + 1}`,
    ));
  assertEquals(filed.sort(), expected.flat().sort());
}
