/** Ports for databases, which go away and come back. */

/**
 * A port that nobody uses now, below those that the system gives out by itself: a client that connects to
 * one of those while its server is away may be given the same port, and be connected to itself.
 */
export function freePort(): number {
  for (let tries = 1;; tries++) {
    try {
      const port = 20_000 + Math.floor(Math.random() * 12_000);
      using listener = Deno.listen({ hostname: "127.0.0.1", port });
      return listener.addr.port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || tries === 20) throw error;
    }
  }
}
