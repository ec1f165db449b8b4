/**
 * Paths of an HTTP server beside its MCP endpoint, and the path of a request.
 *
 * @module
 */

/** Whether the process answers; the second is another name of the first. */
const LIVE_PATHS = ["/livez", "/healthz"] as const;
/** Whether it can serve calls. */
export const READY_PATH = "/readyz";

export const HEALTH_PATHS: readonly string[] = [...LIVE_PATHS, READY_PATH];

/** The path of a request's URL, whose host may be too malformed to parse. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", "https://".length);
  const query = url.indexOf("?", start);
  return url.slice(start, query === -1 ? undefined : query);
}
