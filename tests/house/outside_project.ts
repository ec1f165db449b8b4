/** A project beside the checkout, which links it as README says. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { StartOptions } from "../support/servers/server.ts";
import { type TempFolder, tempFolder } from "../support/temp_folder.ts";
import { blockWith, ROOT } from "./pages.ts";

/** Makes a project of these files; `settings` are further members of its `deno.json`. */
export async function outsideProject(
  files: Readonly<Record<string, string>>,
  settings: object = {},
): Promise<TempFolder> {
  const folder = await tempFolder();
  const config = JSON.parse(blockWith("README.md", '"links"').replaceAll("../mcp-sessions", ROOT));
  const all = { "deno.json": JSON.stringify({ ...config, ...settings }), ...files };
  for (const [name, text] of Object.entries(all)) {
    await Deno.writeTextFile(join(folder.path, name), text);
  }
  return folder;
}

/** The options by which a program of a project starts. */
export function programIn({ path }: TempFolder, file: string): Omit<StartOptions, "transport"> {
  return {
    server: pathToFileURL(join(path, file)),
    cwd: path,
    env: { XDG_STATE_HOME: path },
    permissions: ["-A"],
  };
}
