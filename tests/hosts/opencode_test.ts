/** OpenCode, itself, uses the notebook. */

import { OPENCODE_RUN, OPENCODE_SERVE } from "./opencode.ts";
import { testForgetting, testHost } from "./suite.ts";

testHost(OPENCODE_SERVE);
testForgetting(OPENCODE_RUN);
