/**
 * Accidents of a store's file, by disks and by people.
 *
 * @module
 */
import type { Random } from "../random.ts";

/** A file's bytes as lines, each with its newline; the last may have none. */
export type Lines = readonly Uint8Array[];

/** A file after an accident. */
export interface Mutated {
  readonly what: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The byte from which on a loss cannot be detected: the bytes before are intact. */
  readonly cut?: number;
}

export function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(10, start) + 1 || bytes.length;
    lines.push(bytes.subarray(start, end));
    start = end;
  }
  return lines;
}

export function joined(lines: Lines): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(lines.flatMap((line) => [...line]));
}

/** Losses of the beginning: up to bytes of the first lines, and up to each line after them. */
export function* headCuts(bytes: Uint8Array): Generator<Mutated> {
  const lines = linesOf(bytes);
  const few = lines.slice(0, 3).reduce((sum, line) => sum + line.length, 0);
  for (let start = 1; start <= few; start += 7) {
    yield { what: `cut before byte ${start}`, bytes: bytes.slice(start) };
  }
  for (let line = 1; line < lines.length; line++) {
    yield { what: `cut before line ${line + 1}`, bytes: joined(lines.slice(line)) };
  }
}

/** A random accident of a file; `other` is another file. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Mutated {
  const lines = linesOf(bytes);
  const place = random.below(bytes.length);
  const line = random.below(lines.length);
  const text = (content: string) => new TextEncoder().encode(content);
  const inserted = (content: string, what: string): Mutated => ({
    what: `${what} before line ${line + 1}`,
    bytes: joined(lines.toSpliced(line, 0, text(content))),
  });
  const changed = (what: string, from: number, to: number, change: (byte: number) => number) => {
    const copy = Uint8Array.from(bytes, (byte, i) => i >= from && i < to ? change(byte) : byte);
    return withCut({ what: `${what} from ${from} to ${to}`, bytes: copy }, bytes, to);
  };
  const mutations: (() => Mutated)[] = [
    () => ({ what: `the end cut off at ${place}`, bytes: bytes.slice(0, place), cut: place }),
    () => changed("a flipped bit", place, place + 1, (byte) => byte ^ (1 << random.below(8))),
    () => changed("another byte", place, place + 1, () => random.below(256)),
    () => changed("zeros", place, Math.min(bytes.length, place + 1 + random.below(400)), () => 0),
    () => {
      const from = random.below(lines.length) === 0 ? 0 : place;
      return changed("zeros", from, Math.min(bytes.length, from + 512), () => 0);
    },
    () => {
      const count = 1 + random.below(3);
      const start = lines.slice(0, line).reduce((sum, one) => sum + one.length, 0);
      const isEnd = line + count >= lines.length;
      return {
        what: `${count} lines from ${line + 1} on are gone`,
        bytes: joined(lines.toSpliced(line, count)),
        ...(isEnd && { cut: start }),
      };
    },
    () => ({
      what: `line ${line + 1} is there twice`,
      bytes: joined(lines.toSpliced(line, 0, lines[line]!)),
    }),
    () => {
      const to = random.below(lines.length);
      return {
        what: `lines ${line + 1} and ${to + 1} are swapped`,
        bytes: joined(lines.with(line, lines[to]!).with(to, lines[line]!)),
      };
    },
    () => inserted("\n", "an empty line"),
    () => inserted("\r\n", "a line of a carriage return"),
    () => inserted("# seen by ann\n", "a note"),
    () => ({ what: "an empty line at the end", bytes: joined([...lines, text("\n")]) }),
    () => ({ what: "the same file after it", bytes: joined([bytes, bytes]) }),
    () => ({ what: "another file after it", bytes: joined([bytes, other]) }),
    () => ({ what: "another file before it", bytes: joined([other, bytes]) }),
    () => ({
      what: "newlines of Windows",
      bytes: joined(lines.map((one) => Uint8Array.of(...one.subarray(0, -1), 13, 10))),
    }),
    () => ({
      what: `line ${line + 1} and others moved`,
      bytes: joined([...lines].sort(() => random.next() - 0.5)),
    }),
  ];
  return random.pick(mutations)();
}

/**
 * Damage that reaches the last line looks like a power cut from the first damaged line on, but for the
 * last newline alone, which no line is lost with.
 */
function withCut(mutated: Mutated, bytes: Uint8Array, to: number): Mutated {
  const first = bytes.findIndex((byte, i) => byte !== mutated.bytes[i]);
  const last = bytes.length - linesOf(bytes).at(-1)!.length;
  if (first < 0 || first === bytes.length - 1 || to <= last) return mutated;
  return { ...mutated, cut: bytes.subarray(0, first).lastIndexOf(10) + 1 };
}
