/**
 * The rules of the house as functions: from a file's path and text to what is wrong with it, and
 * what to do about that.
 */
import { posix } from "node:path";

/** The most lines that a module may have. */
export const MAX_LINES = 400;

/** The most files that a folder may have. */
export const MAX_FILES = 20;

/** Where the SDK is imported: once a side, and apart what only some have a use for. */
export const SDK_FILES = [
  "servers/base/mcp_server.ts",
  "servers/base/http/sdk_http.ts",
  "servers/base/serve/sdk_response_checks.ts",
  "client/sdk.ts",
  "client/sdk_stdio.ts",
];

/** Who may import what of ours; the first line that fits a file counts. A folder ends in "/". */
const MAY_IMPORT: readonly (readonly [file: string, ...targets: string[]])[] = [
  ["runtime/", "runtime/"],
  ["protocol/", "runtime/", "protocol/"],
  ["jsonrpc/", "runtime/", "protocol/", "jsonrpc/"],

  ["handles/", "runtime/", "protocol/", "handles/"],
  ["store/journal/", "runtime/", "store/journal/"],
  ["store/", "runtime/", "protocol/", "store/"],
  [
    "servers/base/serve/",
    "deno.json",
    "runtime/",
    "jsonrpc/",
    "protocol/",
    "handles/",
    "store/",
    "servers/base/",
  ],
  ["servers/base/", "runtime/", "jsonrpc/", "protocol/", "handles/", "store/", "servers/base/"],
  ["servers/", "servers/base/mod.ts", "servers/base/serve/mod.ts"],
  [
    "client/",
    "deno.json",
    "runtime/",
    "jsonrpc/",
    "protocol/",
    "handles/",
    "store/journal/",
    "client/",
  ],
  ["console/", "runtime/", "protocol/", "store/", "console/"],
  ["mod.ts", "runtime/", "protocol/", "store/mod.ts", "servers/base/mod.ts", "client/mod.ts"],
  ["offline/std/assert/", "offline/std/assert/"],
  ["offline/std/cli/", "offline/std/cli/"],
  ["offline/std/crypto/", "offline/std/crypto/"],
  ["tasks/", "runtime/", "tasks/"],
  // What a user's program may import.
  [
    "examples/",
    "mod.ts",
    "servers/base/mod.ts",
    "servers/base/serve/mod.ts",
    "client/mod.ts",
    "store/mod.ts",
  ],
  [
    "tests/",
    "runtime/",
    "jsonrpc/",
    "protocol/",
    "handles/",
    "store/",
    "servers/",
    "client/",
    "console/",
    "mod.ts",
    "tasks/",
    "tests/",
  ],
  [
    "bench/",
    "runtime/",
    "protocol/",
    "mod.ts",
    "store/",
    "servers/",
    "client/",
    "tests/support/databases/",
    "bench/",
  ],
];

/** Folders below `tests/` that mirror no room of the project. */
const OWN_ROOMS = ["e2e/", "foreign/", "hostile/", "hosts/", "house/", "package/"];

/** What must not stand in a file: it is true on one machine alone, or ties us to one registry. */
const PLACES: readonly RegExp[] = [
  /(?<![\w.~$}])\/(?:root|home|work|Users)\/(?!(?:me|you|user)\b)\w+/,
  /\b[A-Za-z]:\\+Users\\+(?!(?:me|you|user)\b)\w+/,
  /\b(?:registry\.)?npmjs\.(?:org|com)\b/,
  /\bregistry\.yarnpkg\.com\b/,
  /\bjsr\.io\b/,
];

/** What the rules need to know of `deno.json`. */
export interface Config {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly tasks: Readonly<
    Record<string, { readonly command: string; readonly description?: string }>
  >;
}

/** What no user gets. */
const FREE_PLACES = ["tests/", "bench/"];

/** An import of any form. */
export interface Import {
  /** `undefined` when it is computed. */
  readonly specifier: string | undefined;
  readonly line: number;
  /** What stands on the line above, if that is a comment. */
  readonly comment: string | undefined;
}

/** The imports of a module. The end of its name says whether it has JSX. */
export function importsIn(source: string, fileName = "x.ts"): Import[] {
  const found: Import[] = [];
  const lines = source.split("\n");
  const note = (node: Deno.lint.Node, from: Deno.lint.Node | null) => {
    if (!from) return;
    const line = source.slice(0, node.range[0]).split("\n").length;
    const value = from.type === "Literal" ? from.value : undefined;
    found.push({
      specifier: typeof value === "string" ? value : undefined,
      line,
      comment: /^\s*\/\/\s*(.*)$/.exec(lines[line - 2] ?? "")?.[1],
    });
  };
  const visitor: Deno.lint.LintVisitor = {
    ImportDeclaration: (node) => note(node, node.source),
    ImportExpression: (node) => note(node, node.source),
    ExportAllDeclaration: (node) => note(node, node.source),
    ExportNamedDeclaration: (node) => note(node, node.source),
    TSImportType: (node) => {
      note(node, node.argument.type === "TSLiteralType" ? node.argument.literal : node.argument);
    },
  };
  Deno.lint.runPlugin(
    { name: "house", rules: { imports: { create: () => visitor } } },
    fileName,
    source,
  );
  return found;
}

const fits = (path: string, place: string): boolean =>
  place.endsWith("/") ? path.startsWith(place) : path === place;

/** The file of ours that a specifier means, or `undefined` when it means something else. */
function targetOf(path: string, specifier: string, config: Config): string | undefined {
  if (/^\.{0,2}\//.test(specifier)) return posix.join(posix.dirname(path), specifier);
  const { name, exports } = config;
  return specifier === name || specifier.startsWith(`${name}/`)
    ? posix.normalize(exports[`.${specifier.slice(name.length)}`] ?? specifier)
    : undefined;
}

export function directionFaults(path: string, source: string, config: Config): string[] {
  const rule = MAY_IMPORT.find(([file]) => fits(path, file));
  if (!rule) {
    return [
      `${path} belongs to no part of the house: put it where its kind lives, or give its ` +
      `folder a line in MAY_IMPORT`,
    ];
  }
  const [file, ...allowed] = rule;
  return importsIn(source, path).flatMap(({ specifier, line }) => {
    // Packages that must not be in the lockfile are imported so.
    if (specifier === undefined && FREE_PLACES.some((place) => fits(path, place))) return [];
    const target = specifier === undefined ? "what is computed" : targetOf(path, specifier, config);
    if (target === undefined || allowed.some((place) => fits(target, place))) return [];
    return [
      `${path}:${line} imports ${target}, but ${file} may import only ` +
      `${allowed.join(", ") || "nothing of ours"}: move what both need to where both may import it`,
    ];
  });
}

export function crowdedFolders(paths: readonly string[]): string[] {
  const folders = Map.groupBy(paths, (path) => posix.dirname(path));
  return [...folders].filter(([, files]) => files.length > MAX_FILES).map(([folder, files]) =>
    `${folder} has ${files.length} files, more than ${MAX_FILES}: find its second idea and give it a folder`
  );
}

export function mirrorFaults(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const room = /^tests\/(.*\/)\w+_test\.ts$/.exec(path)?.[1];
    if (room === undefined || OWN_ROOMS.some((own) => fits(room, own))) return [];
    const rooms = [room, room.replace("servers/", "servers/base/")];
    return rooms.some((room) => paths.some((other) => fits(other, room))) ? [] : [
      `${path} tests no folder of the project, as there is no ${rooms.join(" or ")}: move it to ` +
      `the room of what it tests, or give its folder a line in OWN_ROOMS`,
    ];
  });
}

export function sdkFaults(path: string, source: string): string[] {
  const free = FREE_PLACES.some((place) => fits(path, place));
  return importsIn(source, path).flatMap(({ specifier, line, comment }) => {
    const typed = /^(@modelcontextprotocol\/sdk\/.*)\.js$/.exec(specifier ?? "")?.[1];
    // Users' programs import the SDK as it comes.
    if (!typed || fits(path, "examples/")) return [];
    const faults = [];
    if (!free && !SDK_FILES.includes(path)) {
      faults.push(
        `${path}:${line} imports the SDK: take it from a file of SDK_FILES, or its types from jsonrpc/transport.ts`,
      );
    }
    if (comment !== `@ts-types="${typed}"`) {
      faults.push(
        `${path}:${line} takes what it imports for any: put ` +
          `// @ts-types="${typed}" on the line above`,
      );
    }
    return faults;
  });
}

export function lengthFaults(path: string, source: string): string[] {
  const lines = source.trimEnd().split("\n").length;
  return lines > MAX_LINES
    ? [
      `${path} has ${lines} lines, more than ${MAX_LINES}: find its second idea and give it a file`,
    ]
    : [];
}

export function placeFaults(path: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) =>
    PLACES.some((place) => place.test(line))
      ? [
        `${path}:${index + 1} names a machine's folder or a registry's host: make it relative, ` +
        `or let the environment tell it`,
      ]
      : []
  );
}

export function sharedFaults(path: string, source: string): string[] {
  return /\bDeno\.(?:env\.(?:set|delete)|chdir)\(/.test(source)
    ? [
      `${path} changes what all tests share, as they run side by side: give a process that it ` +
      `starts its own environment and folder`,
    ]
    : [];
}
