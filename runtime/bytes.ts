/**
 * Bytes as text: hex and Base64. Node 22 and 24 have no `Uint8Array.fromBase64` and its like.
 *
 * @module
 */

import { getBuiltinModule } from "node:process";

// Not imported, as a start that needs none of it would wait for it.
const buffer = () => getBuiltinModule("node:buffer").Buffer;

/** Bytes in lowercase hex. */
export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("hex");
}

/** Bytes in Base64, with padding; in `base64url` without. */
export function toBase64(bytes: Uint8Array, form: "base64" | "base64url"): string {
  return asBuffer(bytes).toString(form);
}

/** The bytes of a text that {@linkcode toHex} would give; `undefined` of any other. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  return decoded(text, "hex");
}

/** The bytes of a text that {@linkcode toBase64} would give; `undefined` of any other. */
export function fromBase64(
  text: string,
  form: "base64" | "base64url",
): Uint8Array<ArrayBuffer> | undefined {
  return decoded(text, form);
}

function asBuffer({ buffer: memory, byteOffset, byteLength }: Uint8Array) {
  return buffer().from(memory, byteOffset, byteLength);
}

/** Without the check, what is no such text would be skipped. */
function decoded(text: string, form: "hex" | "base64" | "base64url") {
  const bytes = buffer().from(text, form);
  return bytes.toString(form) === text ? new Uint8Array(bytes) : undefined;
}
