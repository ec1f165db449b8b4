/** The parts of an attack that all transports share. */

import { Random } from "../support/random.ts";
import type { Aim } from "./messages.ts";
import { hostileBytes } from "./mutate.ts";
import { around, checkText, Fault, type Private } from "./verdict.ts";

/** Options of an attack. */
export interface SiegeOptions {
  readonly server: URL;
  /** Arguments before the flags. */
  readonly args?: readonly string[];
  /** The seed of all that the attacker sends. */
  readonly seed: number;
  readonly requests: number;
  /** The time limit of a response, in milliseconds. */
  readonly answerMs: number;
  /** Whether the server is started with `--handles`. @default false */
  readonly handles?: boolean;
}

/** The number of the attacker's sessions. */
export const OWN_SESSIONS = 10;

/** The flags of the server, for every transport. */
export function flagsOf({ handles = false }: SiegeOptions): string[] {
  return ["--log-level", "debug", ...(handles ? ["--handles"] : [])];
}

/** A hostile message, with its number in the attack. */
export interface Shot {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** The random generator that made the message. */
  readonly random: Random;
}

/** Makes the message of this number, independent of the others, so that a failure is soon repeated. */
export function shot(seed: number, number: number, aim: Aim): Shot {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b));
  const id = random.chance(0.8) ? `attack-${number}` : 1_000_000 + number;
  return { number, bytes: hostileBytes(random, aim, id), random };
}

/** Runs a part of the attack, and names it in a fault. */
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

/** @throws {Fault} if the log contains anything private, or a crash. */
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
