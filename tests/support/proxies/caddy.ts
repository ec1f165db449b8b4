/** A Caddy of a test's own: in the foreground, with all that it writes in a temporary folder. */

import { freePort } from "../databases/free_port.ts";
import { ProxyProcess } from "./proxy_process.ts";
import { listens } from "./running.ts";

/** A Caddy that runs until disposal. */
export class Caddy extends ProxyProcess {
  /**
   * Starts one with a Caddyfile of one site that has one `reverse_proxy`, and waits until it listens on
   * the port.
   *
   * @throws {Error} if there is no caddy.
   */
  static async start(config: string, port: number): Promise<Caddy> {
    const folder = await Deno.makeTempDir({ prefix: "caddy-" });
    await Deno.writeTextFile(`${folder}/Caddyfile`, watched(config, folder));
    // Caddy would make it at its first line.
    await Deno.writeTextFile(`${folder}/access.log`, "");
    const process = start(folder);
    return await new Caddy(process, folder).started(port);
  }

  protected override async listens(port: number): Promise<void> {
    if (!await listens(this.process, port)) throw new Error("Caddy ended as it started");
  }

  override async answered(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const log = await Deno.readTextFile(`${this.folder}/access.log`);
    for (const line of log.split("\n").filter((line) => line.endsWith("}"))) {
      const { status, resp_headers } = JSON.parse(line);
      const server: string | undefined = resp_headers?.["X-Server"]?.[0];
      if (status === 200 && server) counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    return counts;
  }
}

function start(folder: string): Deno.ChildProcess {
  try {
    return new Deno.Command("caddy", {
      args: ["run", "--config", "Caddyfile", "--adapter", "caddyfile"],
      cwd: folder,
      env: { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (cause) {
    throw new Error("Cannot start caddy: install it (Debian: apt-get install caddy)", { cause });
  }
}

/** A Caddyfile that tells which server has answered, and is no other Caddy's neighbour. */
function watched(config: string, folder: string): string {
  const own = `{\n  admin off\n  http_port ${freePort()}\n}\n`;
  const log = `log {\n    output file ${folder}/access.log\n  }\n`;
  const told = config.replace(
    /reverse_proxy .*\{\n/,
    (begin) => `${log}  ${begin}    header_down X-Server {http.reverse_proxy.upstream.hostport}\n`,
  );
  return own + told;
}
