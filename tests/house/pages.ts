/** The pages that people read, and what stands in them. */

import { assert } from "@std/assert";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");

/** A block of code. */
export interface Block {
  /** What stands behind the fence, such as `sh` or `ts ignore`. */
  readonly kind: string;
  readonly text: string;
  /** The comment above it. */
  readonly remark: string | undefined;
}

/** A page by its path, with what a test may look for in it. */
export interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** The anchors of its headings. */
  readonly anchors: ReadonlySet<string>;
  /** Where its links lead. */
  readonly links: readonly string[];
}

const BLOCK = /(?:<!-- ([^\n]*) -->\n\n)?^```([^\n]*)\n([\s\S]*?)^```$/gm;

/** Reads a page. */
export function readPage(path: string): Page {
  const text = Deno.readTextFileSync(posix.join(ROOT, path));
  const prose = text.replaceAll(BLOCK, "");
  return {
    path,
    text,
    blocks: Array.from(
      text.matchAll(BLOCK),
      ([, remark, kind = "", text = ""]) => ({ kind, text, remark }),
    ),
    anchors: new Set(Array.from(prose.matchAll(/^#+ (.*)$/gm), ([, name = ""]) => anchor(name))),
    links: Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target),
  };
}

function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

const inDocs = Array.from(Deno.readDirSync(posix.join(ROOT, "docs")), ({ name }) => `docs/${name}`);

/** The pages in `docs/`. */
export const DOCS: readonly Page[] = inDocs.filter((path) => path.endsWith(".md")).sort()
  .map(readPage);

/** Every page that is held to the rules. */
export const PAGES: readonly Page[] = [
  ...["README", "PROTOCOL", "ARCHITECTURE", "CONTRIBUTING", "SECURITY"].map((name) =>
    readPage(`${name}.md`)
  ),
  ...DOCS,
];

/** The one block of a page that has this text. */
export function blockWith(path: string, text: string): string {
  const [block, ...others] = readPage(path).blocks.filter((block) => block.text.includes(text));
  assert(block && others.length === 0, `${path} must have one block with ${text}`);
  return block.text;
}
