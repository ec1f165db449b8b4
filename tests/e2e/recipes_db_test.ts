/** The recipes of docs/recipes.md, as they stand there but for ports and places. */

import { assert, assertEquals } from "@std/assert";
import { MAX_MESSAGE_BYTES } from "../../jsonrpc/lines.ts";
import { blockWith, ROOT } from "../house/pages.ts";
import { freePort } from "../support/databases/free_port.ts";
import { output } from "../support/output.ts";
import { Caddy } from "../support/proxies/caddy.ts";
import { killedInTurn, type Proxied, type Proxy } from "../support/proxies/killed_in_turn.ts";
import { Nginx } from "../support/proxies/nginx.ts";
import { Running } from "../support/proxies/running.ts";
import { selfSigned } from "../support/self_signed.ts";
import { auditLines } from "../support/servers/audit_lines.ts";
import { bearer, writeTokens } from "../support/servers/tokens.ts";
import { HEADERS, post, request } from "../support/servers/wire.ts";
import { tempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const PAGE = "docs/recipes.md";
const UNIT = blockWith(PAGE, "ExecStart=");
const COMMAND = (/^ExecStart=((?:.*\\\n)*.*)$/m.exec(UNIT)?.[1] ?? "").replaceAll("\\\n", "");
const DOCKERFILE = blockWith(PAGE, "ENTRYPOINT");
const TOKEN = "a-token-of-alice";
/** Another one than the proxy's, which is trusted to name it. */
const CLIENT_ADDRESS = "127.0.0.2";
const FORGED_ADDRESS = "192.0.2.1";

/** The folder in which the recipes' places are, in place of the root of the file system. */
async function places() {
  const folder = await tempFolder();
  const { path } = folder;
  for (const place of [`${path}/var/lib`, `${path}/var/log`]) {
    await Deno.mkdir(`${place}/private/notebook`, { recursive: true });
    await Deno.symlink(`${place}/private/notebook`, `${place}/notebook`);
  }
  await Deno.mkdir(`${path}/etc/notebook`, { recursive: true });
  await Deno.mkdir(`${path}/data`);
  await writeTokens(`${path}/etc/notebook/tokens.txt`, { [TOKEN]: "alice" });
  return folder;
}

function inPlace(text: string, root: string): string {
  return text.replaceAll(/(?<![\w.])\/(?:var|etc\/notebook|data)\b/g, (path) => root + path)
    .replaceAll("/opt/mcp-sessions", ROOT)
    .replaceAll(/\/(?:usr\/local\/)?bin\/deno\b/g, Deno.execPath());
}

/** Fills an empty cache by a command of a recipe, and tells the environment with it. */
async function filledCache(command: string, root: string): Promise<Record<string, string>> {
  const env = { DENO_DIR: `${root}/cache` };
  const [, ...args] = command.split(" ");
  const { success, stderr } = await output(Deno.execPath(), { args, cwd: ROOT, env });
  assert(success, stderr);
  return env;
}

/** Two servers of the unit and a proxy with TLS in front of them, none of which runs yet. */
interface Front extends Proxied {
  /** Asks the proxy for a path. */
  readonly get: (path: string) => Promise<Response>;
  /** Where the servers' places are. */
  readonly folder: string;
}

type StartProxy = (ports: readonly number[], tls: Tls) => Promise<Proxy>;

/** Makes the servers and a proxy, and runs with them. */
async function behind(start: StartProxy, run: (front: Front) => Promise<void>): Promise<void> {
  await using folder = await places();
  const ports = [freePort(), freePort(), freePort()];
  const [port, ...servers] = ports;
  const { key, cert } = await selfSigned(folder.path);
  using client = Deno.createHttpClient({
    caCerts: [await Deno.readTextFile(cert)],
    localAddress: CLIENT_ADDRESS,
  });
  const base = `https://localhost:${port}`;
  await run({
    serve(index) {
      // One that drains goes on for as long as a test takes.
      const own = inPlace(COMMAND, folder.path).replaceAll("%i", `${servers[index]}`)
        .replace("mcp.example.com", `localhost:${port}`).replace("--drain 5s", "--drain 5m");
      return new Running(own, ROOT, folder.path).says(/^notebook listening on /);
    },
    proxy: () => start(ports, { key, cert }),
    get: (path) => fetch(`${base}${path}`, { client }),
    post: (body) =>
      fetch(`${base}/mcp`, {
        method: "POST",
        body,
        headers: { ...HEADERS, ...bearer(TOKEN), "x-forwarded-for": FORGED_ADDRESS },
        client,
      }),
    servers: servers.map((port) => `127.0.0.1:${port}`),
    folder: folder.path,
  });
}

/** The proxy passes on the endpoint alone. */
async function hidesHealth({ proxy, get }: Front): Promise<void> {
  await using _ = await proxy();
  for (const path of ["/livez", "/healthz", "/readyz"]) {
    // No server runs: what is passed on is 502.
    const response = await get(path);
    await response.body?.cancel();
    assertEquals(response.status, 404, path);
  }
}

/** The proxy passes on what the server takes, and itself refuses what is longer. */
async function takesTheLongest({ serve, proxy, post }: Front): Promise<void> {
  await using opened = new AsyncDisposableStack();
  opened.use(await serve(0));
  opened.use(await serve(1));
  opened.use(await proxy());
  for (
    const [length, status] of [[MAX_MESSAGE_BYTES, 200], [MAX_MESSAGE_BYTES + 1, 413]] as const
  ) {
    const response = await post(request("session/create").padEnd(length));
    await response.body?.cancel();
    assertEquals(response.status, status);
  }
}

/**
 * Nothing is lost while each server is killed, and the audit log has the caller's address, not what the caller
 * says that it is.
 */
async function losesNothing(front: Front): Promise<void> {
  await killedInTurn(front);
  const created = (await auditLines(`${front.folder}/var/log/notebook/audit.jsonl`))
    .filter(({ event }) => event === "created");
  assert(created.length > 0);
  assertEquals(new Set(created.map(({ address }) => address)), new Set([CLIENT_ADDRESS]));
}

/** The proxy sends nothing more to a server that drains and would still serve. */
async function leavesAlone({ serve, proxy, post, servers }: Front): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const first = opened.use(await serve(0));
  opened.use(await serve(1));
  const inFront = opened.use(await proxy());
  /** How many of twenty calls each server has answered. */
  const twenty = async () => {
    const before = await inFront.answered();
    for (let i = 0; i < 20; i++) {
      const response = await post(request("session/create"));
      await response.body?.cancel();
      assertEquals(response.status, 200);
    }
    const after = await inFront.answered();
    return servers.map((server) => (after.get(server) ?? 0) - (before.get(server) ?? 0));
  };
  await until(twenty, ([own = 0, other = 0]) => own > 0 && other > 0);
  const stopped = first.stop("SIGTERM");
  await until(twenty, ([own, other]) => own === 0 && other === 20);
  assertEquals(await (await fetch(`http://${servers[0]}/readyz`)).text(), "stopping");
  await first.stop();
  await stopped;
}

interface Tls {
  readonly key: string;
  readonly cert: string;
}

function withPorts(config: string, [, first, second]: readonly number[]): string {
  return config.replaceAll(/\b9001\b/g, `${first}`).replaceAll(/\b9002\b/g, `${second}`);
}

const startNginx: StartProxy = (ports, { key, cert }) => {
  const own = withPorts(blockWith(PAGE, "listen 443 ssl"), ports)
    .replace("listen 443", `listen 127.0.0.1:${ports[0]}`)
    .replace("mcp.example.com", "localhost")
    .replace(/\S+fullchain\.pem/, cert).replace(/\S+privkey\.pem/, key);
  return Nginx.start(own, ports[0]!);
};

const startCaddy: StartProxy = (ports, { key, cert }) => {
  const own = withPorts(blockWith(PAGE, "lb_try_duration"), ports)
    .replace("mcp.example.com {", `localhost:${ports[0]} {\n  tls ${cert} ${key}`);
  return Caddy.start(own, ports[0]!);
};

for (const [name, start] of [["nginx", startNginx], ["Caddy", startCaddy]] as const) {
  Deno.test(`${PAGE}: two servers of the unit behind ${name} with TLS lose nothing while each is killed, and know their callers`, () =>
    behind(start, losesNothing));

  Deno.test(`${PAGE}: ${name} passes on the longest message that a server takes`, () =>
    behind(start, takesTheLongest));

  Deno.test(`${PAGE}: ${name} passes no health check on`, () => behind(start, hidesHealth));
}

Deno.test(`${PAGE}: Caddy sends nothing more to a server of the unit that drains`, () =>
  behind(startCaddy, leavesAlone));

Deno.test(`${PAGE}: the unit's command starts a server from a cache filled by its line, drains and stops it`, async () => {
  await using folder = await places();
  const [, line = ""] = blockWith(PAGE, "install -D").split("\n");
  const env = await filledCache(line.replace(/^DENO_DIR=\S+ /, ""), folder.path);
  const port = freePort();
  const own = inPlace(COMMAND, folder.path).replaceAll("%i", `${port}`);
  await using server = await new Running(own, ROOT, folder.path, env)
    .says(/^notebook listening on /);
  const url = `http://127.0.0.1:${port}/mcp`;
  const answer = await post(url, request("session/create"), bearer(TOKEN));
  assertEquals(answer.status, 200);
  await answer.body?.cancel();
  const stopped = server.stop("SIGTERM");
  const readiness = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
  await until(readiness, (text) => text === "stopping");
  assertEquals(await stopped, 0);
  await Deno.stat(`${folder.path}/var/lib/private/notebook/sessions.jsonl`);
  await Deno.stat(`${folder.path}/var/log/private/notebook/audit.jsonl`);
});

Deno.test(`${PAGE}: the unit is one that systemd takes, and its exposure is low`, async () => {
  await using folder = await places();
  await Deno.writeTextFile(
    `${folder.path}/notebook@9001.service`,
    UNIT.replace("/usr/local/bin/deno", Deno.execPath()),
  );
  for (const line of blockWith(PAGE, "systemd-analyze verify").trim().split("\n")) {
    const { code, stdout, stderr } = await output("sh", {
      args: ["-c", `${line} 2>&1`],
      cwd: folder.path,
    });
    assertEquals(code, 0, `${line}\n${stdout}${stderr}`);
    if (line.includes("verify")) assertEquals(stdout, "");
  }
});

Deno.test(`${PAGE}: the container's commands serve from a cache filled by its build, and stop at a signal`, async () => {
  await using folder = await places();
  const [, run = ""] = /^RUN (deno .*?) &&/m.exec(DOCKERFILE) ?? [];
  const env = await filledCache(run, folder.path);
  const port = freePort();
  const parts = ["ENTRYPOINT", "CMD"].flatMap((name): string[] =>
    JSON.parse(new RegExp(`^${name} (.*)$`, "m").exec(DOCKERFILE)?.[1] ?? "")
  );
  const command = parts.join(" ").replace(":8765", `:${port}`)
    .replace("mcp.example.com", "localhost") + ` --port ${port}`;
  await using server = await new Running(inPlace(command, folder.path), ROOT, folder.path, env)
    .says(/^notebook listening on /);
  const url = `http://127.0.0.1:${port}/mcp`;
  const answer = await post(url, request("session/create"), bearer(TOKEN));
  assertEquals(answer.status, 200);
  await answer.body?.cancel();
  assertEquals(await server.stop("SIGTERM"), 0);
  await Deno.stat(`${folder.path}/data/sessions.jsonl`);
});
