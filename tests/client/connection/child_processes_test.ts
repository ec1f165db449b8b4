/** Programs that start servers leave no process behind, however they end. */

import { assert } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BRIDGE } from "../../support/bridge/host.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { RawProcess } from "../../support/servers/raw_process.ts";
import { INITIALIZE } from "../../support/servers/server.ts";
import { isRunning, Pair, until } from "../../support/client/stubborn_server.ts";

const NOTEBOOK = fileURLToPath(new URL("../../../servers/notebook.ts", import.meta.url));
const ignore = Deno.build.os === "windows";

Deno.test({
  name: "bridge: a second signal ends everything at once",
  ignore,
  async fn() {
    await using pair = await Pair.start([BRIDGE], "nothing");
    await pair.initialize();
    await pair.pid();
    pair.program.process.kill("SIGTERM");
    // Two signals of a kind that come together are one.
    pair.program.process.kill("SIGINT");
    assert([130, 143].includes(await pair.ended()));
  },
});

Deno.test({
  name: "bridge: a killed bridge leaves no server of this project behind",
  ignore,
  async fn() {
    await using folder = await tempFolder();
    const file = `${folder.path}/pid`;
    const line = [Deno.execPath(), "run", "-A", NOTEBOOK, "--store", "memory:"];
    const server = ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', file, ...line];
    await using bridge = new RawProcess([BRIDGE, ...server], { XDG_STATE_HOME: folder.path });
    await bridge.send({ id: 1, method: "initialize", params: INITIALIZE });
    await bridge.next();
    const pid = Number(await Deno.readTextFile(file));
    bridge.process.kill("SIGKILL");
    await until(() => !isRunning(pid));
  },
});
