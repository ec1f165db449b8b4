/**
 * The console: a page for operators, over any store.
 *
 *     deno task console --help
 *
 * @module
 */

import { requireDeno } from "../runtime/deno_version.ts";
import { messageOf } from "../runtime/errors.ts";
import { settleSizeLimit, surviveSizeLimit } from "../runtime/file_size_limit.ts";
import { endForUsage, type Given, readCommandLine } from "../runtime/flags.ts";
import { stopSignal } from "../runtime/stop_signal.ts";
import { printable } from "../runtime/terminal/terminal_text.ts";
import { within } from "../runtime/time_limit.ts";
import { namedStore } from "../store/named_store.ts";
import { openInspector, openStore } from "../store/open.ts";
import { Access } from "./access.ts";
import { consoleApp } from "./app.tsx";
import { CONSOLE } from "./flags.ts";
import { Operator } from "./operator.ts";
import { Surveyor } from "./survey/surveyor.ts";
import { storeName } from "./words.ts";

/** Time for browsers to take the last message of their event streams. */
const GRACE_MS = 500;

interface Settings {
  readonly url: string;
  readonly port: number;
}

async function settingsOf({ flags }: Given<typeof CONSOLE.flags>): Promise<Settings> {
  const missing = "Which store? Give --store STORE, or set MCP_SESSIONS_STORE";
  const url = await namedStore(flags.store, Deno.env, missing);
  return { url, port: flags.port };
}

async function run({ url, port }: Settings): Promise<void> {
  const warn = (message: string) => console.error(`console: ${printable(message)}`);
  await using inspector = await openInspector(url);
  using surveyor = new Surveyor(inspector);
  const stopping = new AbortController();
  // The secrets are of the port that the server gets.
  const app = Promise.withResolvers<ReturnType<typeof consoleApp>>();
  const server = listen(port, async (request) => (await app.promise).fetch(request));
  const access = new Access(server.addr.port);
  await using operator = new Operator(
    inspector,
    (namespace) => openStore(url, { namespace, warn }),
  );
  const { signal } = stopping;
  const store = storeName(url);
  app.resolve(consoleApp({ access, inspector, operator, surveyor, store, stopping: signal }));
  console.log(`The sessions of ${store}, at a link that opens once, in your browser alone:`);
  console.log(`\n  ${access.link}\n\nCtrl-C stops the console.`);
  // A large store takes a moment: it is read while the link is opened.
  void surveyor.look();
  await stopSignal();
  stopping.abort();
  await within(GRACE_MS, server.shutdown());
}

function listen(port: number, handler: Deno.ServeHandler): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, handler);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new Error(
      `Cannot listen on 127.0.0.1:${port} as something else does: stop it, or choose another ` +
        "--port (0 takes a free one)",
    );
  }
}

if (import.meta.main) {
  requireDeno("console");
  const settings = await readCommandLine(CONSOLE, settingsOf)
    .catch((error) => endForUsage(CONSOLE, error));
  surviveSizeLimit();
  let status = 0;
  try {
    await run(settings);
  } catch (error) {
    console.error(`console: ${printable(messageOf(error))}`);
    status = 1;
  }
  await settleSizeLimit();
  Deno.exit(status);
}
