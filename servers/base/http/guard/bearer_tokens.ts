/**
 * Bearer tokens from the file that `--tokens` names.
 *
 * @module
 */

import { sha256 } from "../../../../runtime/sha256.ts";
import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import type { Authenticator } from "./authentication.ts";

interface Token {
  readonly hash: Uint8Array;
  readonly principal: string;
}

/**
 * The tokens of a file, one a line: the SHA-256 of the token in hex, a space, and the token's principal.
 * A principal may have several tokens. The file has hashes alone, so that reading it gives nobody a token.
 */
export class BearerTokens {
  readonly #path: string;
  #tokens: readonly Token[];

  private constructor(path: string, tokens: readonly Token[]) {
    this.#path = path;
    this.#tokens = tokens;
  }

  /** @throws {Error} if the file cannot be read, has a malformed line, or has no token. */
  static async read(path: string): Promise<BearerTokens> {
    return new BearerTokens(path, parseTokens(await textOf(path), path));
  }

  /**
   * Reads the file again. The tokens that it had stay in force if that fails.
   *
   * @throws {Error} as {@linkcode BearerTokens.read} does, and if the last line has no end: whoever
   * writes the file may be in the middle of a principal.
   */
  async reload(): Promise<void> {
    const text = await textOf(this.#path);
    const tokens = parseTokens(text, this.#path);
    if (!text.endsWith("\n")) {
      throw new Error(
        `Cannot read the tokens in ${this.#path} as its last line has no end: it may be half written`,
      );
    }
    this.#tokens = tokens;
  }

  readonly authenticate: Authenticator = ({ headers }) => {
    const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
    if (token === undefined) return undefined;
    const given = Uint8Array.fromHex(sha256(token));
    let principal: string | undefined;
    // In constant time: none is skipped after the one that fits.
    for (const { hash, principal: owner } of this.#tokens) {
      if (timingSafeEqual(hash, given)) principal = owner;
    }
    if (principal === undefined) return undefined;
    // No OAuth server has this issuer.
    return { token, clientId: principal, scopes: [], extra: { iss: "tokens", sub: principal } };
  };
}

const LINE = "the SHA-256 of a token in hex, a space, and the token's principal";

function textOf(path: string): Promise<string> {
  return Deno.readTextFile(path).catch((error) => {
    throw new Error(`Cannot read the tokens in ${path}: ${error.message}`, { cause: error });
  });
}

function parseTokens(text: string, path: string): Token[] {
  const tokens = text.split("\n").flatMap((line, index) => {
    if (/^\s*(#|$)/.test(line)) return [];
    const [, hash, principal] = /^\s*([0-9a-f]{64})\s+(\S.*?)\s*$/i.exec(line) ?? [];
    if (hash !== undefined && principal !== undefined) {
      return [{ hash: Uint8Array.fromHex(hash), principal }];
    }
    throw new Error(
      `Cannot read the tokens in ${path} as line ${index + 1} is not ${LINE}`,
    );
  });
  const hashes = new Set(tokens.map(({ hash }) => hash.toHex()));
  if (hashes.size < tokens.length) throw new Error(`Cannot use ${path} as it has a token twice`);
  if (tokens.length === 0) {
    throw new Error(
      `Cannot let anybody in as ${path} has no token: write a line for each, ${LINE}`,
    );
  }
  return tokens;
}
