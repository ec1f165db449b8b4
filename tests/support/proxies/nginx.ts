/** An nginx of a test's own: in the foreground, with all that it writes in a temporary folder. */

import { ProxyProcess } from "./proxy_process.ts";
import { listens } from "./running.ts";

/** An nginx that runs until disposal. */
export class Nginx extends ProxyProcess {
  /**
   * Starts one with a file of `conf.d`, and waits until it listens on the port.
   *
   * @throws {Error} if there is no nginx.
   */
  static async start(config: string, port: number): Promise<Nginx> {
    const program = findNginx();
    const folder = await Deno.makeTempDir({ prefix: "nginx-" });
    await Deno.writeTextFile(`${folder}/nginx.conf`, around(config));
    const process = new Deno.Command(program, {
      // Before its configuration is read, it would write to the log of the system's own.
      args: ["-e", "error.log", "-p", `${folder}/`, "-c", "nginx.conf"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return await new Nginx(process, folder).started(port);
  }

  override async answered(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const line of (await Deno.readTextFile(`${this.folder}/access.log`)).split("\n")) {
      // Where one did not answer, all that were tried stand there: the last has answered.
      const server = /^200 .*?(\S+)$/.exec(line)?.[1];
      if (server !== undefined) counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    return counts;
  }

  protected override async listens(port: number): Promise<void> {
    if (await listens(this.process, port)) return;
    const log = await Deno.readTextFile(`${this.folder}/error.log`).catch(() => "");
    throw new Error(`nginx ended as it started: ${log.trim()}`);
  }
}

/** A whole configuration with a file of `conf.d`, as Debian's includes it. */
function around(config: string): string {
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return [
    "daemon off;",
    // Its workers would run as a user that may not look into the temporary folder.
    ...(Deno.uid() === 0 ? ["user root;"] : []),
    "pid nginx.pid;",
    "error_log error.log;",
    "events {}",
    "http {",
    "  log_format servers '$status $upstream_addr';",
    "  access_log access.log servers;",
    ...places.map((name) => `  ${name}_temp_path ${name};`),
    config,
    "}",
    "",
  ].join("\n");
}

/** Debian has it where only root looks for programs. */
function findNginx(): string {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  const found = folders.map((folder) => `${folder}/nginx`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new Error(
    "Cannot start nginx, as it is neither in PATH nor in /usr/sbin: install it (Debian: " +
      "apt-get install nginx)",
  );
}
