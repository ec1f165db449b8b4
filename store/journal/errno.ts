/**
 * The operating system's name for an error. Deno names only some of them, and has the number of all in
 * the message.
 *
 * @module
 */

import { system } from "../../runtime/deno_version.ts";

type Numbers = Readonly<Record<number, string>>;

const LINUX: Numbers = {
  4: "EINTR",
  23: "ENFILE",
  27: "EFBIG",
  37: "ENOLCK",
  38: "ENOSYS",
  116: "ESTALE",
  122: "EDQUOT",
};
// macOS has these numbers from BSD.
const BSD: Numbers = {
  4: "EINTR",
  23: "ENFILE",
  27: "EFBIG",
  69: "EDQUOT",
  70: "ESTALE",
  77: "ENOLCK",
  78: "ENOSYS",
};
const WINDOWS: Numbers = { 4: "EMFILE", 39: "ENOSPC", 112: "ENOSPC", 1295: "EDQUOT" };

/** The name of an error, such as `ENOSPC`, if it is a known one of the operating system. */
export function errnoOf(error: unknown, os: string = system().os): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  const number = /\(os error (\d+)\)/.exec(error.message)?.[1];
  return number === undefined ? undefined : numbersOf(os)[Number(number)];
}

function numbersOf(os: string): Numbers {
  switch (os) {
    case "linux":
    case "android":
      return LINUX;
    case "windows":
      return WINDOWS;
    default:
      return BSD;
  }
}
