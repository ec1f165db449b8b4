/** An agent of Mastra uses the notebook. */

import { MASTRA } from "./frameworks.ts";
import { testForgetting, testHost } from "./suite.ts";

testHost(MASTRA);
testForgetting(MASTRA);
