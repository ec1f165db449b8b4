/** A PostgreSQL of a test's own, with Debian's or any other build of its programs. */

import pg from "pg";
import { freePort } from "./free_port.ts";
import { until } from "../until.ts";

export interface PostgresOptions {
  /** Settings of the server: `-c NAME=VALUE`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The user that tests connect as; `pg_hba.conf` trusts it, and wants a password of all others. */
export const SUPERUSER = "tester";

/**
 * Starts a server in a temporary folder.
 *
 * @throws {Error} if its programs are not there.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const programs = findPrograms();
  const folder = await Deno.makeTempDir({ prefix: "pg-" });
  const owner = await ownerOf(folder);
  try {
    const init = ["-D", `${folder}/data`, "-U", SUPERUSER, "--no-sync", "-E", "UTF8", "--locale=C"];
    await run(`${programs}/initdb`, [...init, "-A", "trust"], owner);
    await Deno.writeTextFile(
      `${folder}/data/pg_hba.conf`,
      `host all ${SUPERUSER} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n`,
    );
    const server = new PostgresServer({ programs, folder, owner, port: freePort() });
    await server.start(options);
    return server;
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

/** The system's user that the server runs as: it refuses to run as root. */
type Owner = { readonly uid?: number; readonly gid?: number };

interface Installed {
  readonly programs: string;
  readonly folder: string;
  readonly owner: Owner;
  readonly port: number;
}

export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  readonly #installed: Installed;
  #process: Deno.ChildProcess | undefined;
  #stopped: readonly number[] = [];
  #databases = 0;

  constructor(installed: Installed) {
    this.#installed = installed;
    this.port = installed.port;
  }

  /** Starts it on the data that it has, and waits until it answers. */
  async start({ settings = {} }: PostgresOptions = {}): Promise<void> {
    const { programs, folder, owner } = this.#installed;
    const all = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: folder,
      // Fewer processes, and a restart that does not wait for them.
      max_wal_senders: "0",
      wal_level: "minimal",
      ...settings,
    };
    this.#process = new Deno.Command(`${programs}/postgres`, {
      args: [
        ...["-D", `${folder}/data`, "-p", `${this.port}`],
        ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      ...owner,
    }).spawn();
    let hasEnded = false;
    void this.#process.status.then(() => hasEnded = true);
    const answers = await until(
      async () => !hasEnded && await this.#answers(),
      (answers) => answers || hasEnded,
    );
    if (!answers) throw new Error("postgres ended as it started: run it by hand");
  }

  /** The URL of one of its databases. */
  url(database = "postgres", user = SUPERUSER): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** Makes an empty database, and gives its name. */
  async makeDatabase(): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.query(`CREATE DATABASE ${name}`);
    return name;
  }

  /** Asks in a connection of its own. */
  async query(text: string, database = "postgres"): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database) });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Gives a file or folder to the system's user that it runs as. */
  async give(path: string): Promise<void> {
    const { uid, gid } = this.#installed.owner;
    if (uid !== undefined) await Deno.chown(path, uid, gid ?? null);
  }

  /** Writes a file among its data. */
  async write(name: string, text: string): Promise<void> {
    const path = `${this.#installed.folder}/data/${name}`;
    // The server takes no key that others may read.
    await Deno.writeTextFile(path, text, { mode: 0o600 });
    await this.give(path);
  }

  /** Kills all of its processes at once, as a crash of the machine does, or shuts it down. */
  async stop(how: "kill" | "fast" = "fast"): Promise<void> {
    this.resume();
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    // Stopped, it makes no more children.
    signal(process.pid, how === "kill" ? "SIGSTOP" : "SIGINT");
    const pids = how === "kill" ? await this.#processes(process.pid) : [];
    for (const pid of pids) signal(pid, "SIGKILL");
    await process.status;
    // One that waits for the disk ends later, and holds the data's lock until then.
    await until(runningProcesses, (running) => !running.some(({ pid }) => pids.includes(pid)));
  }

  /** Stops all of its processes where they are. */
  async pause(): Promise<void> {
    this.#stopped = await this.#processes(this.#process!.pid);
    for (const pid of this.#stopped) signal(pid, "SIGSTOP");
  }

  /** Lets it go on after {@linkcode pause}. */
  resume(): void {
    for (const pid of this.#stopped) signal(pid, "SIGCONT");
    this.#stopped = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("kill");
    await Deno.remove(this.#installed.folder, { recursive: true });
  }

  async #answers(): Promise<boolean> {
    try {
      await this.query("SELECT 1");
      return true;
    } catch {
      return false;
    }
  }

  /** The server's process and its children. */
  async #processes(parent: number): Promise<number[]> {
    const running = await runningProcesses();
    return [parent, ...running.filter((each) => each.parent === parent).map(({ pid }) => pid)];
  }
}

/** The processes of the system but for zombies, which have ended. */
async function runningProcesses(): Promise<{ readonly pid: number; readonly parent: number }[]> {
  const listed = await run("ps", ["-A", "-o", "pid=,ppid=,stat="], {});
  return listed.trim().split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state?.startsWith("Z"))
    .map(([pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}

function signal(pid: number, name: Deno.Signal) {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The folder of the newest programs. */
function findPrograms(): string {
  const debian = "/usr/lib/postgresql";
  let versions: string[] = [];
  try {
    versions = Array.from(Deno.readDirSync(debian), ({ name }) => name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...(Deno.env.get("PATH") ?? "").split(":"),
    ...versions.map((version) => `${debian}/${version}/bin`),
  ];
  const found = folders.find((folder) =>
    isFile(`${folder}/initdb`) && isFile(`${folder}/postgres`)
  );
  if (found !== undefined) return found;
  throw new Error(
    "Cannot start PostgreSQL, as initdb and postgres are neither in PATH nor in " +
      `${debian}/VERSION/bin: install it (Debian: apt-get install postgresql)`,
  );
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Gives a folder to a user that may run PostgreSQL. */
async function ownerOf(folder: string): Promise<Owner> {
  if (Deno.uid() !== 0) return {};
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map((flag) => run("id", [flag, "postgres"], {})),
  );
  const owner = { uid: Number(uid), gid: Number(gid) };
  await Deno.chown(folder, owner.uid, owner.gid);
  return owner;
}

async function run(program: string, args: readonly string[], owner: Owner): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], stdin: "null", cwd: "/", ...owner });
  const { success, stdout, stderr } = await command.output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}
