/**
 * A small KV Connect endpoint: tests of remote Deno KV without a `denokv`, and with faults that a real one
 * does not show on request.
 */
import { BadRequest, VersionedMap } from "./ordered_map.ts";
import {
  readAtomicWrite,
  readSnapshotRead,
  writeAtomicWriteOutput,
  writeSnapshotReadOutput,
} from "./proto.ts";

/** Method that a client calls. */
export type Call = "metadata" | "snapshot_read" | "atomic_write";

/**
 * Fault of a call: neither carried out nor answered until {@linkcode KvConnect.goOn} (`hang`), not carried
 * out (`refuse`, a 503), or carried out with its response lost, as by a proxy (`lose`, a 504).
 */
export type Fault = "hang" | "refuse" | "lose";

/** Options of {@linkcode KvConnect}. */
export interface KvConnectOptions {
  /** The clients' `DENO_KV_ACCESS_TOKEN`. */
  readonly token: string;
  /** @default 0, a free one */
  readonly port?: number;
  /** File that keeps the writes, for an endpoint that is killed and restarted. */
  readonly file?: string;
}

const DATABASE_ID = "00000000-0000-0000-0000-000000000000";
const DATA_TOKEN = "the-token-of-the-data-path";

/** An endpoint that listens on this machine until disposal. */
export class KvConnect implements AsyncDisposable {
  /** Fault of the next call. */
  fault: (call: Call) => Fault | undefined = () => undefined;
  readonly url: string;
  readonly #map = new VersionedMap();
  readonly #token: string;
  readonly #log: Deno.FsFile | undefined;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #hanging = Promise.withResolvers<void>();

  constructor({ token, port = 0, file }: KvConnectOptions) {
    this.#token = token;
    if (file !== undefined) this.#log = this.#replay(file);
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {} },
      (request) => this.#answer(request),
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Carries out the calls that hang, as a machine does that was suspended. */
  goOn() {
    this.#hanging.resolve();
    this.#hanging = Promise.withResolvers();
  }

  async [Symbol.asyncDispose]() {
    // A closed store's last call may come only now.
    this.fault = () => undefined;
    this.goOn();
    await this.#server.shutdown();
    this.#log?.close();
  }

  async #answer(request: Request): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    const call = callOf(new URL(request.url).pathname);
    if (call === undefined) return new Response("Resource not found.", { status: 404 });
    const fault = this.fault(call);
    if (fault === "hang") await this.#hanging.promise;
    if (fault === "refuse") return new Response("Not now.", { status: 503 });
    const response = this.#take(call, request.headers, body);
    return fault === "lose" ? new Response("Its answer was lost.", { status: 504 }) : response;
  }

  #take(call: Call, headers: Headers, body: Uint8Array): Response {
    const expected = call === "metadata" ? this.#token : DATA_TOKEN;
    if (headers.get("authorization") !== `Bearer ${expected}`) {
      return new Response("Invalid access token.", { status: 401 });
    }
    if (call === "metadata") return metadata(body);
    if (headers.get("x-denokv-database-id") !== DATABASE_ID) {
      return new Response("Invalid database id.", { status: 400 });
    }
    if (headers.get("x-denokv-version") !== "3") {
      return new Response("Expected protocol version 3.", { status: 400 });
    }
    try {
      const output = call === "snapshot_read" ? this.#read(body) : this.#write(body);
      return new Response(output, { headers: { "content-type": "application/x-protobuf" } });
    } catch (error) {
      if (error instanceof BadRequest) return new Response(error.message, { status: 400 });
      throw error;
    }
  }

  #read(body: Uint8Array): Uint8Array<ArrayBuffer> {
    return writeSnapshotReadOutput(this.#map.read(readSnapshotRead(body)));
  }

  #write(body: Uint8Array): Uint8Array<ArrayBuffer> {
    const outcome = this.#map.write(readAtomicWrite(body));
    if ("versionstamp" in outcome && this.#log !== undefined) {
      this.#log.writeSync(Uint8Array.of(...lengthOf(body), ...body));
    }
    return writeAtomicWriteOutput(outcome);
  }

  /** Replays the writes of a file. */
  #replay(path: string): Deno.FsFile {
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    const bytes = Deno.readFileSync(path);
    const view = new DataView(bytes.buffer);
    let at = 0;
    while (at + 4 <= bytes.length && at + 4 + view.getUint32(at) <= bytes.length) {
      const end = at + 4 + view.getUint32(at);
      this.#map.write(readAtomicWrite(bytes.subarray(at + 4, end)));
      at = end;
    }
    // A torn last line was never acknowledged.
    file.truncateSync(at);
    file.seekSync(at, Deno.SeekMode.Start);
    return file;
  }
}

function callOf(path: string): Call | undefined {
  switch (path) {
    case "/":
      return "metadata";
    case "/v2/snapshot_read":
      return "snapshot_read";
    case "/v2/atomic_write":
      return "atomic_write";
    default:
      return undefined;
  }
}

function metadata(body: Uint8Array): Response {
  const { supportedVersions } = JSON.parse(new TextDecoder().decode(body));
  if (!supportedVersions.includes(3)) {
    return new Response("The server requires protocol version 3.", { status: 400 });
  }
  return Response.json({
    version: 3,
    databaseId: DATABASE_ID,
    endpoints: [{ url: "/v2", consistency: "strong" }],
    token: DATA_TOKEN,
    expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
  });
}

function lengthOf(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, body.length);
  return bytes;
}
