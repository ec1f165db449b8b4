/** An agent of the Vercel AI SDK uses the notebook. */

import { AI_SDK, AI_SDK_PER_CALL } from "./frameworks.ts";
import { BRIDGED, testConversations, testForgetting, testHost } from "./suite.ts";

testHost(AI_SDK);
testForgetting(AI_SDK);
testConversations(AI_SDK_PER_CALL, BRIDGED);
