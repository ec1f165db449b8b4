/** A flood of session ids that lead nowhere, against a real server: nobody else notices. */

import { checkGuesses } from "../../support/servers/guesses.ts";
import { tempFolder } from "../../support/temp_folder.ts";

Deno.test("a hundred thousand guesses: others' calls are answered, and log, audit and memory stay small", async () => {
  await using folder = await tempFolder();
  await checkGuesses(`sqlite:${folder.path}/sessions.db`, 100_000);
});
