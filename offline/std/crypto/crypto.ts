/**
 * Digests by Web Crypto, and the same without a wait.
 *
 * @module
 */
import { getBuiltinModule } from "node:process";

/** The digests that Web Crypto has; the real package knows more. */
export type DigestAlgorithm = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";

const subtle = {
  digest: (algorithm: DigestAlgorithm, data: BufferSource): Promise<ArrayBuffer> =>
    globalThis.crypto.subtle.digest(algorithm, data),
  digestSync: (algorithm: DigestAlgorithm, data: BufferSource): ArrayBuffer => {
    const bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    // Loaded at the first use: importing it would delay the start of every program.
    const { createHash } = getBuiltinModule("node:crypto");
    return Uint8Array.from(createHash(algorithm.replace("-", "")).update(bytes).digest()).buffer;
  },
};

/** Web Crypto, as far as this project uses it. */
export const crypto: { readonly subtle: typeof subtle } = { subtle };
