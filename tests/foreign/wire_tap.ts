/** A tap between a client and a server, which notes all that passes, and what is wrong with it. */

import { fileURLToPath } from "node:url";
import { tempFolder } from "../support/temp_folder.ts";
import type { Reach } from "../support/servers/separate_runs.ts";
import { messagesOf, parseMessage, type WireMessage } from "../support/servers/wire.ts";

const PROGRAM = fileURLToPath(new URL("./wire_tap_program.ts", import.meta.url));

/** A request with its response, which may be missing. */
interface Exchange {
  readonly request: WireMessage;
  readonly response: WireMessage | undefined;
}

/** Runs `use` with a tapped way to a server. Returns its result, and what was exchanged. */
export async function tapped<T>(
  reach: Reach,
  use: (reach: Reach) => Promise<T>,
): Promise<[result: T, exchanges: readonly Exchange[]]> {
  return reach.kind === "url" ? await tappedUrl(reach, use) : await tappedCommand(reach, use);
}

async function tappedCommand<T>(
  { command }: Reach & { kind: "command" },
  use: (reach: Reach) => Promise<T>,
): Promise<[T, Exchange[]]> {
  await using folder = await tempFolder();
  const tap = [Deno.execPath(), "run", "-A", PROGRAM, folder.path, ...command];
  const result = await use({ kind: "command", command: tap });
  const exchanges: Exchange[] = [];
  // A file for each process: ids are told apart only within one.
  for await (const { name } of Deno.readDir(folder.path)) {
    const text = await Deno.readTextFile(`${folder.path}/${name}`);
    exchanges.push(...exchangesIn(text.split("\n").flatMap((line) => parseMessage(line) ?? [])));
  }
  return [result, exchanges];
}

async function tappedUrl<T>(
  reach: Reach & { kind: "url" },
  use: (reach: Reach) => Promise<T>,
): Promise<[T, Exchange[]]> {
  const noted: { readonly request: WireMessage; readonly type: string; text: string }[] = [];
  await using proxy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { method } = request;
      const headers = new Headers(request.headers);
      headers.delete("host");
      const body = await request.text();
      const response = await fetch(reach.url, {
        method,
        headers,
        ...(body !== "" && { body }),
      });
      const sent = parseMessage(body);
      if (sent?.id === undefined || !sent.method || response.body === null) return response;
      const note = { request: sent, type: response.headers.get("content-type") ?? "", text: "" };
      noted.push(note);
      const decoder = new TextDecoder();
      // A stream by tee() would come to the client only when it is complete.
      const passed = response.body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            note.text += decoder.decode(chunk, { stream: true });
            controller.enqueue(chunk);
          },
        }),
      );
      return new Response(passed, response);
    },
  );
  const url = new URL(reach.url);
  url.port = `${proxy.addr.port}`;
  const result = await use({ ...reach, url: url.href });
  const exchanges = await Promise.all(noted.map(async ({ request, type, text }) => {
    const response = new Response(text, { headers: { "content-type": type } });
    return exchangesIn([request, ...await messagesOf(response)]);
  }));
  return [result, exchanges.flat()];
}

function exchangesIn(messages: readonly WireMessage[]): Exchange[] {
  return messages.filter((it) => it.method !== undefined && it.id !== undefined).map((request) => ({
    request,
    response: messages.find((it) => it.method === undefined && it.id === request.id),
  }));
}

/** Codes of the specification's own range that a server may use. */
const SPECIFIED = [-32020, -32021, -32022];

/** Whether a request is of the modern era. */
export function isModernExchange({ request: { method, params } }: Exchange): boolean {
  return method === "server/discover" ||
    Object(Object(params)._meta)["io.modelcontextprotocol/protocolVersion"] === "2026-07-28";
}

/** What no answer to a modern request may have, of all that was exchanged. */
export function modernFaults(exchanges: readonly Exchange[]): string[] {
  return exchanges.filter(isModernExchange).flatMap(({ request, response }) => {
    const { method } = request;
    if (response === undefined) return [`${method} has no response`];
    const { result, error } = response;
    const has = (message: unknown) => JSON.stringify(message).includes("mcp/session");
    const isReserved = error !== undefined && error.code >= -32099 && error.code <= -32000;
    return [
      ...(isReserved && !SPECIFIED.includes(error.code) ? [`${method}: ${error.code}`] : []),
      ...(has(response) && !has(request) ? [`${method}: mcp/session, which was not used`] : []),
      ...(result !== undefined && !("resultType" in result) ? [`${method}: no resultType`] : []),
    ];
  });
}
