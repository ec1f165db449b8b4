/** The guard in front of an endpoint that responds to every caller. */

import {
  type Authenticator,
  type AuthInfo,
  httpHandler,
  type HttpHandlerOptions,
} from "../../../servers/base/mod.ts";

const HOST = "mcp.example.com";
export const CALLER = { token: "secret-token", clientId: "app", scopes: ["mcp"] };

/** Guards an endpoint; gives the log, and the callers that reached it. */
export function guarded(authenticate: Authenticator, options: Partial<HttpHandlerOptions> = {}) {
  const told: string[] = [];
  const callers: (AuthInfo | undefined)[] = [];
  const endpoint = {
    fetch(_request: Request, authInfo?: AuthInfo) {
      callers.push(authInfo);
      return Promise.resolve(new Response("reached"));
    },
  };
  const onerror = ({ message }: Error) => void told.push(message);
  const handler = httpHandler(endpoint, { hosts: [HOST], authenticate, onerror, ...options });
  const ask = (init: RequestInit = {}) =>
    handler(
      new Request(`http://${HOST}/mcp`, {
        method: "POST",
        headers: { authorization: "Bearer secret-token" },
        ...init,
      }),
    );
  return { ask, told, callers };
}
