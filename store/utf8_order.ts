/**
 * The order of keys and ids: that of their UTF-8 bytes, which every backend can keep.
 *
 * @module
 */

/** Compares two strings as their UTF-8 bytes compare; `<` on strings would compare UTF-16. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

// Surrogates are of the highest code points, though they are not the highest code units.
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Binary search: the first index in a sorted array for whose item `isBefore` is false. */
export function bisect<T>(items: readonly T[], isBefore: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(items[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A text that sorts before all that begin so, and after all other ids that sort before them. */
export function justBefore(beginning: string): string | undefined {
  const points = Array.from(beginning, (each) => each.codePointAt(0)!);
  const last = points.pop();
  if (last === undefined) return undefined;
  const before = last === 0xe000 ? 0xd7ff : last - 1;
  const more = last === 0 ? [] : [before, 0x10ffff];
  return String.fromCodePoint(...points, ...more);
}
