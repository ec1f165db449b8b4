import { assertEquals, assertStringIncludes } from "@std/assert";
// @ts-types="@modelcontextprotocol/sdk/types"
import {
  isJSONRPCErrorResponse,
  isJSONRPCResultResponse,
  JSONRPCResultResponseSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { spareResponseChecks } from "../../../servers/base/serve/sdk_response_checks.ts";

const request = { jsonrpc: "2.0", id: 1, method: "ping" };
const result = { jsonrpc: "2.0", id: 1, result: { answer: 42 } };
const error = { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "Failed" } };

Deno.test("spareResponseChecks() leaves the outcome of each check as it is", () => {
  const checks = () =>
    [request, result, error, { ...result, method: "ping" }, { jsonrpc: "2.0" }, "text", null].map((
      value,
    ) => [isJSONRPCResultResponse(value), isJSONRPCErrorResponse(value)]);
  const before = checks();
  const reason = JSONRPCResultResponseSchema.safeParse(request).error?.message;
  spareResponseChecks();
  spareResponseChecks();
  assertEquals(checks(), before);
  assertEquals(JSONRPCResultResponseSchema.safeParse(request).error?.message, reason);
  assertStringIncludes(`${reason}`, "unrecognized_keys");
  assertEquals<unknown>(JSONRPCResultResponseSchema.safeParse(result).data, result);
});
