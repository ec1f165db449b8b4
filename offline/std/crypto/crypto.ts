/**
 * Digests by Web Crypto.
 *
 * @module
 */

/** The digests that Web Crypto has; the real package knows more. */
export type DigestAlgorithm = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";

/** Web Crypto, as far as this project uses it. */
export const crypto: {
  readonly subtle: {
    digest(algorithm: DigestAlgorithm, data: BufferSource): Promise<ArrayBuffer>;
  };
} = globalThis.crypto;
