/**
 * What an attack is, over whichever transport, and how one that finds something ends.
 *
 * @module
 */

import { Random } from "../support/random.ts";
import type { Aim } from "./messages.ts";
import { hostileBytes } from "./mutate.ts";
import { around, checkText, Fault, type Private } from "./verdict.ts";

/** How a server is attacked. */
export interface SiegeOptions {
  readonly server: URL;
  /** What stands before the flags. */
  readonly args?: readonly string[];
  /** What comes from the attacker follows from it. */
  readonly seed: number;
  readonly requests: number;
  /** How long an answer may take, in milliseconds. */
  readonly answerMs: number;
  /** Is the server started with `--handles`? @default false */
  readonly handles?: boolean;
}

/** How many sessions the attacker has. */
export const OWN_SESSIONS = 10;

/** The flags of a server that is attacked, whatever its transport. */
export function flagsOf({ handles = false }: SiegeOptions): string[] {
  return ["--log-level", "debug", ...(handles ? ["--handles"] : [])];
}

/** A hostile message, with its place in the attack. */
export interface Shot {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Goes on with the chance that the message came from. */
  readonly random: Random;
}

/** The message with this number. It does not depend on those before, so a failure is soon found. */
export function shot(seed: number, number: number, aim: Aim): Shot {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b));
  const id = random.chance(0.8) ? `attack-${number}` : 1_000_000 + number;
  return { number, bytes: hostileBytes(random, aim, id), random };
}

/** Runs a part of the attack; what goes wrong names it. */
export async function named(
  seed: number,
  { number, bytes }: Pick<Shot, "number" | "bytes">,
  what: string,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const sent = around(new TextDecoder().decode(bytes.subarray(0, 2000)));
    throw new Fault(`${error.message}; TEST_SEED=${seed}, request ${number}: ${what} ${sent}`);
  }
}

/** @throws {Fault} if the log of a server says what it must not, or tells of a crash. */
export function checkLog(lines: readonly string[], priv: Private): void {
  for (const line of lines) {
    if (/^error: Uncaught|^thread .* panicked/.test(line)) throw new Fault(`A crash: ${line}`);
    try {
      checkText(line, priv);
    } catch (error) {
      throw error instanceof Fault ? new Fault(`In the log: ${error.message}`) : error;
    }
  }
}
