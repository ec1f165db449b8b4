/**
 * Authentication: the caller that a request comes from.
 *
 * @module
 */

import { asError } from "../../../../runtime/errors.ts";
import { isObject } from "../../../../runtime/json.ts";
import { utf8Length } from "../../../../runtime/utf8.ts";
import { ownerOf } from "../../session/session_owner.ts";
import { callHook, HOOK_TIMEOUT_MS } from "./operator_hook.ts";
import { errorResponse, refused, unavailable, unstored } from "../error_responses.ts";
import type { AuthInfo } from "../../sdk.ts";

/**
 * Finds the caller of a request by its headers, and returns
 *
 * - an `AuthInfo` for a known caller. `extra.iss` (issuer), `clientId` and `extra.sub` (subject)
 *   identify the principal (section 6 of the contract), never the token: with a new token the caller
 *   keeps its sessions. Without a subject all users of a client are one principal;
 * - `undefined` for an unknown caller, who gets 401;
 * - a `Response` to send instead: 403 for a missing scope, or a 401 whose `WWW-Authenticate` names the
 *   `resource_metadata` of an OAuth server.
 *
 * The caller gets 503 if the function throws, or takes longer than ten seconds. Pass `request.signal`
 * to what it waits for: the signal is aborted at the time limit, and when the client disconnects. Any
 * other value, such as a caller with an empty `clientId` or an `expiresAt` that is not finite, gets
 * 401, and `onerror` is called with the reason.
 *
 * @example With a JSON Web Token
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import * as jose from "npm:jose@^6";
 * import {
 *   type Authenticator,
 *   httpHandler,
 *   McpServer,
 *   sessionLayer,
 *   StatelessHttpTransport,
 * } from "@mcp-sessions/deno/server";
 * import { MemoryStore } from "@mcp-sessions/deno/store";
 *
 * // Yours come from jose.createRemoteJWKSet(new URL("https://…/.well-known/jwks.json")).
 * const { publicKey, privateKey } = await jose.generateKeyPair("RS256");
 * const keys = jose.createLocalJWKSet({ keys: [await jose.exportJWK(publicKey)] });
 * const [issuer, audience] = ["https://id.example.com", "https://mcp.example.com/mcp"];
 *
 * const byToken = (keys: jose.JWTVerifyGetKey): Authenticator => async ({ headers }) => {
 *   const token = /^Bearer (\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
 *   if (token === undefined) return undefined;
 *   try {
 *     const { payload } = await jose.jwtVerify(token, keys, { issuer, audience });
 *     const { iss, sub, client_id, exp } = payload;
 *     if (!sub || typeof client_id !== "string" || exp === undefined) return undefined;
 *     return { token, clientId: client_id, scopes: [], expiresAt: exp, extra: { iss, sub } };
 *   } catch (error) {
 *     // A failure of the key server is not the caller's fault.
 *     const unavailable = ["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT"];
 *     if (!(error instanceof jose.errors.JOSEError) || unavailable.includes(error.code)) throw error;
 *     return undefined;
 *   }
 * };
 *
 * const transport = new StatelessHttpTransport();
 * const server = new McpServer({ name: "example", version: "1.0.0" });
 * await server.connect(sessionLayer(transport, { store: new MemoryStore() }));
 * const handlerWith = (keys: jose.JWTVerifyGetKey) =>
 *   httpHandler(transport, { hosts: ["mcp.example.com"], authenticate: byToken(keys) });
 *
 * const call = async (authorization: string, handler = handlerWith(keys)) => {
 *   const headers = { host: "mcp.example.com", authorization, "content-type": "application/json" };
 *   const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "session/list" });
 *   const accept = "application/json, text/event-stream";
 *   const init = { method: "POST", headers: { ...headers, accept }, body };
 *   return await handler(new Request("https://mcp.example.com/mcp", init));
 * };
 * const token = await new jose.SignJWT({ client_id: "app" }).setProtectedHeader({ alg: "RS256" })
 *   .setIssuer(issuer).setAudience(audience).setSubject("alice").setExpirationTime("1h")
 *   .sign(privateKey);
 * assertEquals((await call(`Bearer ${token}`)).status, 200);
 * assertEquals((await call("Bearer made-up")).status, 401);
 * const away = jose.createRemoteJWKSet(new URL("http://127.0.0.1:1/jwks.json"));
 * assertEquals((await call(`Bearer ${token}`, handlerWith(away))).status, 503);
 * await server.close();
 * ```
 */
export type Authenticator = (
  request: Request,
) => AuthInfo | Response | undefined | Promise<AuthInfo | Response | undefined>;

/** Options of authentication. */
export interface AuthenticationOptions {
  /** Finds the caller of a request. @default every caller is anonymous */
  readonly authenticate?: Authenticator | undefined;
  /**
   * Whether callers without any `Authorization` are served, as anonymous; a rejected `Authorization`
   * gets 401 all the same. Without `authenticate` every caller is served. @default false
   */
  readonly allowAnonymous?: boolean | undefined;
  /** Called with the reason why a caller could not be checked. */
  readonly onerror?: ((error: Error) => void) | undefined;
}

/** The longest owner that the stores take. */
const MAX_OWNER_BYTES = 1024;

/** Identifies the caller of a request, `undefined` if anonymous; or refuses the request. */
export async function identify(
  request: Request,
  { authenticate, allowAnonymous = false, onerror }: AuthenticationOptions,
): Promise<AuthInfo | undefined | Response> {
  if (authenticate === undefined) return undefined;
  let given: unknown;
  try {
    const outcome = await callHook(authenticate, request);
    if (outcome.kind === "timeout") {
      throw new Error(
        `Cannot identify the caller as authenticate has taken more than ${
          HOOK_TIMEOUT_MS / 1000
        } seconds: give what it waits for a shorter time limit, or the request's signal`,
      );
    }
    if (outcome.kind === "disconnected") return unavailable("the caller has gone");
    given = outcome.value;
  } catch (error) {
    onerror?.(asError(error));
    return unavailable("the caller could not be checked");
  }
  if (given instanceof Response) return refused(unstored(given), "the caller was not let in");
  const presented = request.headers.has("authorization");
  if (given === undefined || given === null) {
    return allowAnonymous && !presented ? undefined : unauthorized(presented);
  }
  try {
    checkAuthInfo(given);
  } catch (error) {
    onerror?.(asError(error));
    return unauthorized(presented);
  }
  if ((given.expiresAt ?? Infinity) * 1000 <= Date.now()) return unauthorized(presented);
  if (utf8Length(ownerOf(given) ?? "") <= MAX_OWNER_BYTES) return given;
  return errorResponse(
    403,
    `Forbidden: issuer, client and subject can have at most ${MAX_OWNER_BYTES} bytes together`,
  );
}

/**
 * Checks the value of a hook, whose types may be wrong at run time.
 *
 * @throws {TypeError} naming the member that is wrong.
 */
function checkAuthInfo(given: unknown): asserts given is AuthInfo {
  ownerOf(given);
  const { token, scopes, expiresAt } = isObject(given) ? given : {};
  if (typeof token !== "string") throw invalidMember("token", "a string");
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === "string")) {
    throw invalidMember("scopes", "a list of strings");
  }
  if (expiresAt !== undefined && !Number.isFinite(expiresAt)) {
    throw invalidMember("expiresAt", "a finite number of seconds, or absent");
  }
}

function invalidMember(name: string, expected: string): TypeError {
  return new TypeError(`Cannot admit a caller as ${name} from authenticate must be ${expected}`);
}

/** The response to an unknown caller (RFC 6750, section 3). */
function unauthorized(presented: boolean): Response {
  const [message, challenge] = presented
    ? ["the token is not accepted", 'Bearer error="invalid_token"']
    : ["send Authorization: Bearer with a token", "Bearer"];
  return errorResponse(401, `Unauthorized: ${message}`, { "www-authenticate": challenge });
}
