/**
 * What a Redis promises of the writes that it acknowledges, as far as it tells.
 *
 * @module
 */

/** What a Redis tells of itself; absent is what it does not tell. */
export interface RedisFacts {
  /** The lines of `INFO`. */
  readonly info?: ReadonlyMap<string, string> | undefined;
  readonly appendfsync?: string | undefined;
}

export interface RedisPromises {
  /** Why it cannot keep sessions at all. */
  readonly refusal?: string;
  /** What it may lose. */
  readonly losses: readonly string[];
}

/** The lines of an answer to `INFO`. */
export function infoLines(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(":"));
  return new Map(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1)];
  }));
}

export function promisesOf(
  { info, appendfsync }: RedisFacts,
  { allowsEvicting }: { readonly allowsEvicting: boolean },
): RedisPromises {
  if (info === undefined) {
    return { losses: ["it does not say what it may lose: INFO is forbidden to this user"] };
  }
  const [major = 0, minor = 0] = (info.get("redis_version") ?? "").split(".").map(Number);
  if (major < 6 || (major === 6 && minor < 2)) {
    return { refusal: `its version is older than 6.2: ${major}.${minor}`, losses: [] };
  }
  if (info.get("role") === "slave") {
    return { refusal: "it is a replica, which takes no writes: name the primary", losses: [] };
  }
  const policy = info.get("maxmemory_policy") ?? "";
  const evicts = policy.startsWith("allkeys-") && Number(info.get("maxmemory") ?? 0) > 0;
  if (evicts && !allowsEvicting) {
    return {
      refusal: `it evicts sessions when its memory is full (maxmemory-policy ${policy}): set ` +
        "maxmemory-policy noeviction, or allow that with ?evicting=allow at the end of the URL",
      losses: [],
    };
  }
  const losses = fsyncLosses(info, appendfsync);
  if (evicts) losses.push(`sessions are evicted when its memory is full (${policy})`);
  if (Number(info.get("connected_slaves") ?? 0) > 0) {
    losses.push("after a failover, what its replicas had not got yet is lost");
  }
  return { losses };
}

function fsyncLosses(info: RedisFacts["info"], appendfsync: string | undefined): string[] {
  if (info?.get("aof_enabled") === "0") {
    return ["without an append-only file, a restart loses what it had not saved (appendonly yes)"];
  }
  switch (appendfsync) {
    case "always":
      return [];
    case "everysec":
      return ["a power cut loses the last two seconds of writes (appendfsync always)"];
    case "no":
      return ["a power cut loses the last half minute of writes (appendfsync always)"];
    default:
      return ["a power cut may lose writes: whether it fsyncs each one, it does not say"];
  }
}
