import { assertEquals, assertThrows } from "@std/assert";
import { WireError } from "../../protocol/errors.ts";
import {
  deliverable,
  isOfSubscriptions,
  ofSubscription,
  readFilter,
  wantsChange,
} from "../../protocol/subscription.ts";

const ID = "io.modelcontextprotocol/subscriptionId";

const ALL = {
  toolsListChanged: true,
  promptsListChanged: true,
  resourcesListChanged: true,
  resourceSubscriptions: ["a:1", "a:2"],
} as const;

Deno.test("readFilter: reads what is wanted, and each URI once", () => {
  assertEquals(readFilter({ notifications: {} }), {});
  assertEquals(readFilter({ notifications: { ...ALL, other: 7 } }), ALL);
  const none = { toolsListChanged: false, resourceSubscriptions: [] };
  assertEquals(readFilter({ notifications: none }), {});
  const twice = { resourceSubscriptions: ["a:1", "a:1"] };
  assertEquals(readFilter({ notifications: twice }), { resourceSubscriptions: ["a:1"] });
});

Deno.test.each<readonly [notifications: unknown]>([
  [undefined],
  [[]],
  [{ toolsListChanged: "yes" }],
  [{ promptsListChanged: null }],
  [{ resourceSubscriptions: "a:1" }],
  [{ resourceSubscriptions: ["a:1", 7] }],
  [{ resourceSubscriptions: Array.from({ length: 257 }, (_, index) => `a:${index}`) }],
  [{ resourceSubscriptions: ["a".repeat(32 * 1024 + 1)] }],
])("readFilter: refuses %j", (notifications) => {
  assertEquals(assertThrows(() => readFilter({ notifications }), WireError).code, -32602);
});

Deno.test("deliverable: leaves out what the server does not tell of", () => {
  assertEquals(deliverable(ALL, {}), {});
  const tools = { tools: { listChanged: true }, prompts: {}, resources: { listChanged: false } };
  assertEquals(deliverable(ALL, tools), { toolsListChanged: true });
  const resources = { resources: { subscribe: true } };
  assertEquals(deliverable(ALL, resources), { resourceSubscriptions: ALL.resourceSubscriptions });
  assertEquals(deliverable({}, { ...tools, ...resources }), {});
});

Deno.test("wantsChange: is of the kinds in the filter, and of its URIs", () => {
  const cases: [method: string, uri: string | undefined, isWanted: boolean][] = [
    ["notifications/tools/list_changed", undefined, true],
    ["notifications/prompts/list_changed", undefined, false],
    ["notifications/resources/updated", "a:1", true],
    ["notifications/resources/updated", "a:3", false],
    ["notifications/resources/updated", undefined, false],
    ["notifications/message", undefined, false],
  ];
  const filter = { toolsListChanged: true, resourceSubscriptions: ["a:1"] } as const;
  for (const [method, uri, isWanted] of cases) {
    const params = uri === undefined ? undefined : { uri };
    assertEquals(wantsChange(filter, { method, params }), isWanted, `${method} ${uri}`);
    assertEquals(isOfSubscriptions(method), method !== "notifications/message", method);
  }
});

Deno.test("ofSubscription: adds the id, and keeps the rest", () => {
  const method = "notifications/resources/updated";
  assertEquals<unknown>(ofSubscription({ method }, 7), { method, params: { _meta: { [ID]: 7 } } });
  const params = { uri: "a:1", _meta: { other: true } };
  const tagged = { method, params: { uri: "a:1", _meta: { other: true, [ID]: "x" } } };
  assertEquals<unknown>(ofSubscription({ method, params }, "x"), tagged);
});
