/** Accidents of a store's file, by disks and by people. */
import fc from "npm:fast-check@^4";

/** A file's bytes as lines, each with its newline; the last may have none. */
export type Lines = readonly Uint8Array[];

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

/** Random accidents of a file; `other` is another file. */
export function mutations(bytes: Uint8Array, other: Uint8Array): fc.Arbitrary<Mutated> {
  const lines = linesOf(bytes);
  const place = fc.nat(bytes.length - 1);
  const line = fc.nat(lines.length - 1);
  const text = (content: string) => new TextEncoder().encode(content);
  const inserted = (content: string, what: string) =>
    line.map((line): Mutated => ({
      what: `${what} before line ${line + 1}`,
      bytes: joined(lines.toSpliced(line, 0, text(content))),
    }));
  const changed = (
    what: string,
    from: number,
    length: number,
    change: (byte: number) => number,
  ) => {
    const to = Math.min(bytes.length, from + length);
    const copy = Uint8Array.from(bytes, (byte, i) => i >= from && i < to ? change(byte) : byte);
    return withCut({ what: `${what} from ${from} to ${to}`, bytes: copy }, bytes, to);
  };
  return fc.oneof(
    place.map((cut): Mutated => ({ what: `cut off at ${cut}`, bytes: bytes.slice(0, cut), cut })),
    fc.tuple(place, fc.nat(7)).map(([place, bit]) =>
      changed("a flipped bit", place, 1, (byte) => byte ^ (1 << bit))
    ),
    fc.tuple(place, fc.nat(255)).map(([place, byte]) =>
      changed("another byte", place, 1, () => byte)
    ),
    fc.tuple(place, fc.integer({ min: 1, max: 400 })).map(([place, length]) =>
      changed("zeros", place, length, () => 0)
    ),
    fc.oneof(fc.constant(0), place).map((place) => changed("zeros", place, 512, () => 0)),
    fc.tuple(line, fc.integer({ min: 1, max: 3 })).map(([line, count]): Mutated => ({
      what: `${count} lines from ${line + 1} on are gone`,
      bytes: joined(lines.toSpliced(line, count)),
      ...(line + count >= lines.length && { cut: joined(lines.slice(0, line)).length }),
    })),
    line.map((line): Mutated => ({
      what: `line ${line + 1} is there twice`,
      bytes: joined(lines.toSpliced(line, 0, lines[line]!)),
    })),
    fc.tuple(line, line).map(([one, two]): Mutated => ({
      what: `lines ${one + 1} and ${two + 1} are swapped`,
      bytes: joined(lines.with(one, lines[two]!).with(two, lines[one]!)),
    })),
    inserted("\n", "an empty line"),
    inserted("\r\n", "a line of a carriage return"),
    inserted("# seen by ann\n", "a note"),
    fc.constantFrom<Mutated>(
      { what: "an empty line at the end", bytes: joined([...lines, text("\n")]) },
      { what: "the same file after it", bytes: joined([bytes, bytes]) },
      { what: "another file after it", bytes: joined([bytes, other]) },
      { what: "another file before it", bytes: joined([other, bytes]) },
      {
        what: "newlines of Windows",
        bytes: joined(lines.map((one) => Uint8Array.of(...one.subarray(0, -1), 13, 10))),
      },
    ),
    fc.shuffledSubarray(lines, { minLength: lines.length }).map((lines): Mutated => ({
      what: "lines in another order",
      bytes: joined(lines),
    })),
  ).map((mutated) => ({ ...mutated, [fc.toStringMethod]: () => mutated.what }));
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
