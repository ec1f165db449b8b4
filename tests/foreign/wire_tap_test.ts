import { assertEquals } from "@std/assert";
import { modernFaults } from "./wire_tap.ts";

const COOKIE = { "mcp/session": { id: "sess-1" } };

/** An exchange of the modern era, or of the legacy one. */
function exchange(response: object | undefined, meta: object = {}, version = "2026-07-28") {
  const _meta = { "io.modelcontextprotocol/protocolVersion": version, ...meta };
  return {
    request: { id: 1, method: "tools/call", params: { _meta } },
    response: response && JSON.parse(JSON.stringify({ id: 1, ...response })),
  };
}

const error = (code: number) => ({ error: { code, message: "m" } });

Deno.test.each<readonly [response: object | undefined, meta: object, fault: string | undefined]>([
  [undefined, {}, "tools/call has no response"],
  [{ result: {} }, {}, "tools/call: no resultType"],
  [error(-32002), {}, "tools/call: -32002"],
  [error(-32099), {}, "tools/call: -32099"],
  [
    { result: { resultType: "complete", _meta: COOKIE } },
    {},
    "tools/call: mcp/session, which was not used",
  ],
  [{ result: { resultType: "complete", _meta: COOKIE } }, COOKIE, undefined],
  [error(-32021), {}, undefined],
  [error(-31002), {}, undefined],
])("modernFaults: in %j to a request with %j there is %s", (response, meta, fault) => {
  assertEquals(modernFaults([exchange(response, meta)]), fault === undefined ? [] : [fault]);
});

Deno.test("modernFaults: says nothing of the legacy era", () => {
  assertEquals(modernFaults([exchange(error(-32002), {}, "2025-11-25")]), []);
});
