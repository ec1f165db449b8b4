/**
 * Types of flags: a value's name in `--help`, and its check.
 *
 * @module
 */

import { expandHome } from "./state_folder.ts";

export interface FlagType<T> {
  readonly name: string;
  /** Description of right values, for the message about a wrong one. */
  readonly takes: string;
  /** Whether a wrong value may be a secret: no message shows it. */
  readonly secret?: true;
  /** Reads a value; `undefined` for a wrong one. A `TypeError` says more of what is wrong. */
  readonly parse: (text: string) => T | undefined;
}

export function text(name: string): FlagType<string> {
  return { name, takes: "a text", parse: (text) => text };
}

/** A path; `~/` at its beginning is the home folder. */
export function filePath(name: string): FlagType<string> {
  return { name, takes: "a path", parse: (text) => expandHome(text) };
}

export function oneOf<const T extends string>(...words: readonly T[]): FlagType<T> {
  return {
    name: words.join("|"),
    takes: `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
    parse: (text) => words.find((word) => word === text),
  };
}

export function number(takes: string, pattern: RegExp): FlagType<number> {
  return { name: "N", takes, parse: (text) => pattern.test(text) ? Number(text) : undefined };
}

export const PORT: FlagType<number> = {
  name: "PORT",
  takes: "a number from 0 to 65535",
  parse: (port) => /^\d{1,5}$/.test(port) && Number(port) <= 65_535 ? Number(port) : undefined,
};

/** The URL of an MCP endpoint. A wrong one may have a password in it. */
export const ENDPOINT_URL: FlagType<URL> = {
  name: "URL",
  takes: "the URL of an MCP endpoint, such as http://127.0.0.1:8765/mcp",
  secret: true,
  parse: (text) => {
    const url = URL.parse(text);
    return url !== null && /^https?:$/.test(url.protocol) ? url : undefined;
  },
};

/** A header of HTTP requests. A wrong one most likely has a secret in it. */
export const HEADER: FlagType<[name: string, value: string]> = {
  name: "'NAME: VALUE'",
  takes: "'NAME: VALUE', such as 'Authorization: Bearer …'",
  secret: true,
  parse: (text) => {
    const [, name = "", value = ""] = /^([^:]+):(.*)$/s.exec(text) ?? [];
    try {
      return [...new Headers([[name, value.trim()]])][0];
    } catch {
      return undefined;
    }
  },
};
