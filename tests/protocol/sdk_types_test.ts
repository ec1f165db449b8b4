/** The types of the project's own that stand for the SDK's, and its list of versions. */

// @ts-types="@modelcontextprotocol/sdk/types"
import { SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import type * as sdk from "@modelcontextprotocol/sdk/types.js";
// @ts-types="@modelcontextprotocol/sdk/server/auth/types"
import type * as auth from "@modelcontextprotocol/sdk/server/auth/types.js";
// @ts-types="@modelcontextprotocol/sdk/shared/transport"
import type * as transport from "@modelcontextprotocol/sdk/shared/transport.js";
import { assertEquals } from "@std/assert";
import type * as own from "../../jsonrpc/transport.ts";
import type * as input from "../../protocol/client_input.ts";
import { LEGACY_VERSIONS } from "../../protocol/era.ts";

/** `true` if each of two types can stand for the other. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : "wider") : "narrower";

/** Checked with the tests: a change of the SDK's types is an error here. */
const SAME: {
  message: Same<own.JSONRPCMessage, sdk.JSONRPCMessage>;
  extra: Same<own.MessageExtraInfo, sdk.MessageExtraInfo>;
  auth: Same<own.AuthInfo, auth.AuthInfo>;
  transport: Same<own.Transport, transport.Transport>;
  options: Same<own.TransportSendOptions, transport.TransportSendOptions>;
  form: Same<input.ElicitFormParams, sdk.ElicitRequestFormParams>;
  elicited: Same<input.ElicitResult, sdk.ElicitResult>;
  sampling: Same<input.CreateMessageParams, sdk.CreateMessageRequestParamsBase>;
  sampled: Same<input.CreateMessageResult, sdk.CreateMessageResult>;
  roots: Same<input.ListRootsResult, sdk.ListRootsResult>;
} = {
  message: true,
  extra: true,
  auth: true,
  transport: true,
  options: true,
  form: true,
  elicited: true,
  sampling: true,
  sampled: true,
  roots: true,
};

Deno.test("LEGACY_VERSIONS: are those of SDK 1, whose types the project's own are equal to", () => {
  assertEquals(LEGACY_VERSIONS, SUPPORTED_PROTOCOL_VERSIONS);
  assertEquals(Object.values(SAME).length, 10);
});
