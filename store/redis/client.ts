/**
 * The client that a store on Redis uses.
 *
 * @module
 */

/** A script's keys and arguments. */
export interface RedisScriptOptions {
  /** The keys of what the script reads and writes. */
  keys: string[];
  /** Its other arguments. */
  arguments: string[];
}

/**
 * What a {@linkcode RedisStore} needs of a client: `createClient()` of `@redis/client` or `redis` gives one,
 * version 5 or later.
 */
export interface RedisClient {
  /** Runs a script by the SHA-1 of its text. */
  evalSha(sha1: string, options: RedisScriptOptions): Promise<unknown>;
  /** Runs a script by its text. */
  eval(script: string, options: RedisScriptOptions): Promise<unknown>;
  /** Whether it has a connection now. A client that does not tell is asked anyway. */
  readonly isReady?: boolean;
  /** Closes the connection at once. */
  destroy(): void;
}
