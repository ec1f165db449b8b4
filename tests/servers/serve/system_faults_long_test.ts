/** Errors for callers and the log when the system refuses a store's file or its lock. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import {
  presenting,
  startServer,
  type TransportName,
  TRANSPORTS,
} from "../../support/servers/server.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import type { Errno, FileMethod } from "../../support/system_faults.ts";

const preload = new URL("../../fixtures/faulty_system.ts", import.meta.url).href;

/** A server that fails while the file `fault` exists. */
async function startFaulty(transport: TransportName, method: FileMethod, errno: Errno) {
  const folder = await tempFolder();
  const fault = `${folder.path}/fault`;
  const path = `${folder.path}/sessions.jsonl`;
  const server = await startServer({
    server: "notebook",
    transport,
    store: `file:${path}`,
    permissions: ["-A", "--preload", preload],
    env: { FAULT_METHOD: method, FAULT_ERRNO: errno, FAULT_WHILE: fault },
  });
  return {
    server,
    path,
    fault,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const refusals: readonly [FileMethod, Errno][] = [
  ["tryLockSync", "ENOLCK"],
  ["tryLockSync", "EIO"],
  ["seekSync", "EIO"],
  ["seekSync", "ESTALE"],
];

for (const transport of TRANSPORTS) {
  for (const [method, errno] of refusals) {
    Deno.test(`a server over ${transport}: ${errno} of ${method} is -32603 with a code, and an error in the log`, async () => {
      await using faulty = await startFaulty(transport, method, errno);
      const { server, path, fault } = faulty;
      const cookie = await server.create();
      await server.tool("notebook_append", { text: "1" }, cookie);
      await Deno.writeTextFile(fault, "");
      const calls = [
        server.tool("notebook_append", { text: "2" }, cookie),
        server.request("session/delete", { id: cookie.id }),
      ];
      for (const { error, result } of await Promise.all(calls)) {
        assertEquals([error?.code, error?.data], [-32603, { code: "unavailable" }]);
        assertEquals(result, undefined);
      }
      await Deno.remove(fault);
      const { result } = await server.tool("notebook_append", { text: "2" }, cookie);
      assertEquals(result?.structuredContent?.note_number, 2);
      const log = server.stderr.join("\n");
      assertMatch(log, /notebook: error: Cannot (lock|read) /);
      assertStringIncludes(log, path);
    });
  }

  Deno.test(`a server over ${transport}: a failed unlock costs no call, and is logged once`, async () => {
    await using faulty = await startFaulty(transport, "unlockSync", "ENOLCK");
    const { server, fault } = faulty;
    const cookie = await server.create();
    await Deno.writeTextFile(fault, "");
    for (let i = 1; i < 4; i++) {
      const { result } = await server.tool("notebook_append", { text: "x" }, cookie);
      assertEquals(result?.structuredContent?.note_number, i);
    }
    await Deno.remove(fault);
    const { result } = await server.tool("notebook_append", { text: "x" }, cookie);
    assertEquals(result?.structuredContent?.note_number, 4);
    assertEquals(server.stderr.filter((line) => line.includes("Cannot unlock")).length, 1);
  });
}

for (const transport of TRANSPORTS) {
  Deno.test(`a server over ${transport}: a failing store is -32603 with a code for requests other than calls too`, async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/sessions.jsonl`;
    await using server = await startServer({ server: POLICIES, transport, store: `file:${path}` });
    const cookie = await server.create();
    await Deno.rename(path, `${path}.away`);
    const params = { uri: "session://current", ...presenting(cookie) };
    const { error, result } = await server.request("resources/read", params);
    const expected = [-32603, { code: "unavailable" }, undefined];
    assertEquals([error?.code, error?.data, result], expected);
    assertEquals(error?.message.includes(folder.path), false, "the message names no path");
    assertMatch(server.stderr.join("\n"), /error: .*sessions\.jsonl was removed/);
  });
}
