/**
 * Numbers as people read them.
 *
 * @module
 */

const INTEGER = new Intl.NumberFormat("en");
const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function numberText(n: number): string {
  return INTEGER.format(n);
}

/** A number with its noun, whose plural ends in s. */
export function countOf(n: number, noun: string): string {
  return `${numberText(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** A size in its largest unit, with two digits at least. */
export function sizeOf(bytes: number): string {
  let [size, unit] = [bytes, 0];
  for (; size >= 999.5 && unit < UNITS.length - 1; unit++) size /= 1000;
  return `${size.toFixed(unit > 0 && size < 9.95 ? 1 : 0)} ${UNITS[unit]}`;
}
