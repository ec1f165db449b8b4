/**
 * Power cuts: the bytes that a disk may hold of a file, at each moment of a recorded run. Fsynced bytes
 * are there; each block that was written later is there or not.
 */
import type { JournalFile } from "../../../store/mod.ts";
import type { Random } from "../random.ts";

export interface Moment {
  readonly synced: Uint8Array;
  readonly written: Uint8Array;
  /** The names of the writes that were acknowledged. */
  readonly acknowledged: readonly string[];
}

/** Records the moments of one file; `wrap` is for all stores that have it open. */
export class Recorder {
  readonly moments: Moment[] = [];
  readonly #path: string;
  #synced: Uint8Array;
  #acknowledged: readonly string[] = [];

  /** The bytes in the file so far count as fsynced. */
  constructor(path: string) {
    this.#path = path;
    this.#synced = Deno.readFileSync(path);
    this.#note();
  }

  readonly wrap = (file: Deno.FsFile): JournalFile => ({
    writeSync: (bytes) => {
      const count = file.writeSync(bytes);
      this.#note();
      return count;
    },
    truncateSync: (length) => file.truncateSync(length),
    syncData: async () => {
      const written = Deno.readFileSync(this.#path);
      await file.syncData();
      if (written.length > this.#synced.length) this.#synced = written;
      this.#note();
    },
  });

  acknowledge(name: string) {
    this.#acknowledged = [...this.#acknowledged, name];
    this.#note();
  }

  #note() {
    const written = Deno.readFileSync(this.#path);
    this.moments.push({ synced: this.#synced, written, acknowledged: this.#acknowledged });
  }
}

/** The fate of a block that was not fsynced: written, or as before, which is zeros for a new one. */
type Fate = "written" | "before";

/** The disk after a power cut, with this fate of each block after the fsynced ones. */
function diskAfter(
  { synced, written }: Moment,
  blockBytes: number,
  fate: (block: number) => Fate,
  size = written.length,
): Uint8Array<ArrayBuffer> {
  const disk = new Uint8Array(Math.max(size, synced.length));
  disk.set(synced);
  const first = Math.floor(synced.length / blockBytes);
  for (let block = first; block * blockBytes < disk.length; block++) {
    if (fate(block) === "before") continue;
    const start = block * blockBytes;
    disk.set(written.subarray(start, Math.min(start + blockBytes, disk.length)), start);
  }
  return disk;
}

/** Some disks after a power cut: all written, none, each block lost or kept alone, or at random. */
export function* disksAfter(moment: Moment, random: Random): Generator<Uint8Array<ArrayBuffer>> {
  const { synced, written } = moment;
  for (const blockBytes of [512, 4096]) {
    const first = Math.floor(synced.length / blockBytes);
    const last = Math.floor((written.length - 1) / blockBytes);
    yield diskAfter(moment, blockBytes, () => "before");
    yield diskAfter(moment, blockBytes, () => "written");
    for (let block = first; block <= last; block++) {
      yield diskAfter(moment, blockBytes, (one) => one === block ? "before" : "written");
      yield diskAfter(moment, blockBytes, (one) => one === block ? "written" : "before");
    }
    const chance = () => random.chance(0.5) ? "written" : "before";
    yield diskAfter(moment, blockBytes, chance);
    const size = synced.length + random.below(written.length - synced.length + 1);
    yield diskAfter(moment, blockBytes, chance, size);
  }
}
