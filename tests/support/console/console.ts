/** The console as a process of its own, started as the task does. */

import { assert, assertEquals } from "@std/assert";
import { CLEAN_ENV } from "../environment.ts";
import { lines } from "../lines.ts";

const ROOT = new URL("../../..", import.meta.url);
const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
const [, ...TASK]: string[] = config.tasks["console"].command.split(" ");

/** A running console, and what a browser would send it. */
export interface RunningConsole extends AsyncDisposable {
  /** The link that opens once. */
  readonly link: string;
  readonly origin: string;
  /** Follows the link, and returns the cookie that it leaves. */
  enter(): Promise<string>;
  /** Ends the process with a signal, and returns its exit status. */
  stop(signal?: Deno.Signal): Promise<number>;
}

/** Starts a console, and waits for its link. */
export async function startConsole(store: string): Promise<RunningConsole> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [...TASK, "--store", store],
    cwd: ROOT,
    env: { ...CLEAN_ENV, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const said = lines(process.stdout);
  let link: string | undefined;
  while (link === undefined) {
    const { done, value } = await said.next();
    assert(!done, "The console ended before it printed a link");
    link = /http:\S+/.exec(value)?.[0];
  }
  const { origin } = new URL(link);
  const stop = async (signal: Deno.Signal = "SIGINT") => {
    try {
      process.kill(signal);
    } catch {
      // It has ended already.
    }
    const { code } = await process.status;
    await said.return(undefined);
    return code;
  };
  return {
    link,
    origin,
    stop,
    async enter() {
      const response = await fetch(link, { redirect: "manual" });
      await response.body?.cancel();
      assertEquals([response.status, response.headers.get("location")], [303, "/"]);
      const cookie = response.headers.get("set-cookie") ?? "";
      return cookie.replace(/;.*$/s, "");
    },
    [Symbol.asyncDispose]: async () => void await stop("SIGKILL"),
  };
}

/** Runs a console that does not get as far as a link. */
export async function failedConsole(...args: string[]) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...TASK, ...args],
    cwd: ROOT,
    env: { ...CLEAN_ENV, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}
