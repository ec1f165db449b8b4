/** The register of pending requests. */

import { assertEquals } from "@std/assert";
import { PendingRequests, presentsCookie } from "../../../client/session/pending_requests.ts";

const message = (id: number | string, _meta?: Record<string, unknown>) => ({
  jsonrpc: "2.0" as const,
  id,
  method: "tools/call",
  params: { name: "x", ...(_meta && { _meta }) },
});

Deno.test("PendingRequests: finds a request by the id on the wire once it is sent", () => {
  const requests = new PendingRequests();
  const [number, text] = [7, "7"].map((id) => requests.add(message(id), undefined, undefined));
  assertEquals(requests.byWireId(7), undefined);
  number!.wireId = 7;
  text!.wireId = "7";
  assertEquals([requests.byWireId(7) === number, requests.byWireId("7") === text], [true, true]);
});

Deno.test("PendingRequests: finds a retried request by its second id alone", () => {
  const requests = new PendingRequests();
  const request = requests.add(message(7), undefined, undefined);
  request.wireId = 7;
  requests.retry(request, "second");
  request.wireId = "second";
  assertEquals(requests.byWireId(7), undefined, "a late answer to the first sending");
  assertEquals([requests.byWireId("second"), requests.get(7)], [request, request]);
  requests.delete(request);
  assertEquals([requests.byWireId("second"), requests.get(7)], [undefined, undefined]);
});

Deno.test("PendingRequests: deleting a request leaves a newer one with its id", () => {
  const requests = new PendingRequests();
  const older = requests.add(message(7), undefined, undefined);
  const newer = requests.add(message(7), undefined, undefined);
  requests.delete(older);
  assertEquals([requests.has(older), requests.has(newer)], [false, true]);
});

Deno.test("PendingRequests: tells the cookie of the caller from that of the slot", () => {
  const requests = new PendingRequests();
  const carried = [undefined, { id: "a" }, null].map((cookie, id) => {
    const meta = cookie === undefined ? undefined : { "mcp/session": cookie };
    const request = requests.add(message(id, meta), undefined, undefined);
    return [request.hasCallerCookie, request.carried];
  });
  assertEquals(carried, [[false, undefined], [true, { id: "a" }], [true, undefined]]);
  assertEquals([presentsCookie({ _meta: { other: 1 } }), presentsCookie(null)], [false, false]);
});
