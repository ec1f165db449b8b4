/**
 * Draws the last screen of the demo: `deno task demo:picture` runs it and writes docs/pictures/demo.svg.
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";
import { readNoFlags } from "../runtime/flags.ts";

const PICTURE = new URL("../docs/pictures/demo.svg", import.meta.url);
const FIRST_LINE = /^5\. /;
const COLUMNS = 80;
/** Advance of a character and height of a line in pixels, at a font size of 14. */
const ADVANCE = 8.4;
const LINE_HEIGHT = 19;
const MARGIN = 16;
const TOP = 58;
const FONTS =
  "ui-monospace,SFMono-Regular,Menlo,'DejaVu Sans Mono','Liberation Mono',Consolas,monospace";
/** Colors on the panel's dark ground, by the parameter of the escape sequence that sets them. */
const STYLES: Readonly<Record<string, string>> = {
  1: 'font-weight="bold"',
  2: 'fill="#9198a1"',
  31: 'fill="#ff7b72"',
  32: 'fill="#3fb950"',
  33: 'fill="#d29922"',
  36: 'fill="#56d4dd"',
};
const SEQUENCE = new RegExp("(\x1b\\[\\d+m)");

/** The last screen of a run's styled output, with ids and ports that are the same for every run. */
export function pictureOf(output: string): string {
  const lines = normalized(output).trimEnd().split("\n");
  const shown = lines.slice(
    lines.findIndex((line) => FIRST_LINE.test(stripVTControlCharacters(line))),
  );
  const plain = shown.map(stripVTControlCharacters);
  const table = plain.slice(plain.lastIndexOf("", plain.lastIndexOf("") - 1) + 1);
  const width = COLUMNS * ADVANCE + 2 * MARGIN;
  const height = TOP + (shown.length - 1) * LINE_HEIGHT + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" font-family="${FONTS}" font-size="14" fill="#e6edf3" role="img" ` +
    `aria-labelledby="title desc">`,
    `<title id="title">The last screen of deno task demo</title>`,
    `<desc id="desc">${
      escaped(["Steps of the fifth proof, and a table:", ...table].join("\n"))
    }</desc>`,
    `<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="#0d1117" ` +
    `stroke="#30363d"/>`,
    `<path d="M1 33.5H${width - 1}" stroke="#30363d"/>`,
    `<text x="${width / 2}" y="22" text-anchor="middle" ${
      STYLES[2]
    }>deno task demo: the last screen</text>`,
    ...shown.map((line, row) => textOf(line, TOP + row * LINE_HEIGHT)).filter((text) =>
      text !== ""
    ),
    "</svg>\n",
  ].join("\n");
}

/** A picture without its durations: the rest is the same for every run. */
export function withoutDurations(picture: string): string {
  return picture.replace(/\d+(\.\d)? s\b/g, "n s");
}

function normalized(output: string): string {
  const ids = new Map<string, string>();
  return output.replace(/port \d+/g, "port 8765").replace(/sess-[0-9a-f]{8}/g, (id) => {
    const known = ids.get(id);
    if (known !== undefined) return known;
    // Hexadecimal digits that look like an id's, and differ from one id to the next.
    const drawn = (Math.imul(ids.size + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
    ids.set(id, `sess-${drawn}`);
    return `sess-${drawn}`;
  });
}

/** A line as text whose parts stand in their columns in any font. */
function textOf(line: string, y: number): string {
  const parts: string[] = [];
  let column = 0;
  let style = "";
  for (const piece of line.split(SEQUENCE)) {
    if (SEQUENCE.test(piece)) {
      style = STYLES[piece.slice(2, -1)] ?? "";
      continue;
    }
    for (const { 0: text, index } of piece.matchAll(/\S+(?: \S+)*/g)) {
      const x = (MARGIN + (column + index) * ADVANCE).toFixed(1);
      parts.push(`<tspan x="${x}"${style && ` ${style}`}>${escaped(text)}</tspan>`);
    }
    column += piece.length;
  }
  return parts.length === 0 ? "" : `<text y="${y}">${parts.join("")}</text>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}

if (import.meta.main) {
  readNoFlags(
    "demo:picture",
    "Runs the demo and draws docs/pictures/demo.svg, the picture of its last screen.",
  );
  const { NO_COLOR: _plain, ...env } = Deno.env.toObject();
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("../client/demo.ts", import.meta.url).href],
    clearEnv: true,
    env: { ...env, FORCE_COLOR: "1" },
    stderr: "inherit",
  }).output();
  const output = new TextDecoder().decode(stdout);
  if (!success) {
    console.error(output);
    Deno.exit(1);
  }
  const picture = pictureOf(output);
  const current = await Deno.readTextFile(PICTURE).catch(() => "");
  if (withoutDurations(picture) === withoutDurations(current)) {
    console.log("docs/pictures/demo.svg is current");
  } else {
    await Deno.writeTextFile(PICTURE, picture);
    console.log("docs/pictures/demo.svg is drawn");
  }
}
