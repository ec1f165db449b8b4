/**
 * OpenTelemetry: a span and a measured duration for each request of a client, as OpenTelemetry's
 * convention for MCP has them. Loaded on demand, as it loads OpenTelemetry's API.
 *
 * @module
 */

import {
  type Attributes,
  type Context,
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from "@opentelemetry/api";
import { MODERN_VERSIONS } from "../../../protocol/era.ts";
import { member } from "../../../runtime/json.ts";
import { oneLine } from "../../../runtime/log.ts";
import type { ObservedRequest, Observer, RequestOutcome } from "./observer.ts";

const SCOPE = "mcp-sessions";
/** The buckets of the convention, in seconds. */
const BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
/** The longest text of a caller in a span. */
const MAX_TEXT = 256;
/** The longest part of a caller's context, as W3C limits baggage: to split megabytes takes half a second. */
const MAX_CONTEXT = 8192;

/** The attribute of what a method names, for those whose names are few. */
const TARGET: ReadonlyMap<string, string> = new Map([
  ["tools/call", "gen_ai.tool.name"],
  ["prompts/get", "gen_ai.prompt.name"],
]);

/** Reads the texts in `_meta` alone, which may hold anything. */
const getter: TextMapGetter<unknown> = {
  keys: () => [],
  get: (meta, key) => {
    const value = member(meta, key);
    if (typeof value !== "string" || value.length > MAX_CONTEXT) return undefined;
    return key !== "baggage" || isDecodable(value) ? value : undefined;
  },
};

/** Of a text that is not, Deno's propagator would write a stack to standard error. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** The observer, which gives spans and durations to the providers that are registered. */
export function openTelemetry(): Observer {
  const tracer = trace.getTracer(SCOPE);
  const duration = metrics.getMeter(SCOPE).createHistogram("mcp.server.operation.duration", {
    description: "Duration of an MCP request, from its receipt until its response is sent",
    unit: "s",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  return {
    request: (request) => {
      const { parent, links } = placeOf(request);
      const span = tracer.startSpan(nameOf(request), { kind: SpanKind.SERVER, links }, parent);
      const inSpan = trace.setSpan(parent, span);
      return {
        run: (handle) => context.with(inSpan, handle),
        end: (outcome) => {
          const labels = labelsOf(request, outcome);
          duration.record(outcome.durationMs / 1000, labels, inSpan);
          if (span.isRecording()) complete(span, request, outcome, labels);
          span.end();
        },
      };
    },
  };
}

/**
 * The parent that the caller names, with a link to the span of the HTTP request, if there is one: that
 * may be of another trace. Without a parent's name, the span of the HTTP request is the parent.
 */
function placeOf({ meta }: ObservedRequest) {
  const ambient = context.active();
  const named: Context = propagation.extract(ROOT_CONTEXT, meta, getter);
  if (trace.getSpanContext(named) === undefined) return { parent: ambient, links: [] };
  const transport = trace.getSpanContext(ambient);
  return { parent: named, links: transport === undefined ? [] : [{ context: transport }] };
}

/** The method and what it names, as far as that is known to exist. */
function nameOf({ target, label }: ObservedRequest): string {
  return target !== undefined && label.target === target
    ? `${label.method} ${label.target}`
    : label.method;
}

/** Attributes of which there are few, whatever callers send. */
function labelsOf(request: ObservedRequest, { kind, code }: RequestOutcome): Attributes {
  const { method, target } = request.label;
  const name = target === undefined ? undefined : TARGET.get(method);
  const version = MODERN_VERSIONS.find((version) => version === request.protocolVersion);
  return {
    "mcp.method.name": method,
    ...(name !== undefined && { [name]: target }),
    ...(method === "tools/call" && { "gen_ai.operation.name": "execute_tool" }),
    ...(version !== undefined && { "mcp.protocol.version": version }),
    "network.transport": request.transport === "http" ? "tcp" : "pipe",
    ...(code !== undefined && { "rpc.response.status_code": `${code}`, "error.type": `${code}` }),
    ...(kind === "tool_error" && { "error.type": kind }),
    // No failure: a client may end what it does not need any more, and a subscription has no other end.
    ...(kind === "cancelled" && { "mcp_sessions.cancelled": true }),
  };
}

function complete(
  span: Span,
  request: ObservedRequest,
  { session }: RequestOutcome,
  labels: Attributes,
): void {
  const { id, method, target, address } = request;
  span.updateName(nameOf(request));
  span.setAttributes({
    ...labels,
    "jsonrpc.request.id": oneLine(`${id}`, MAX_TEXT),
    ...(method.startsWith("resources/") && target !== undefined && {
      "mcp.resource.uri": oneLine(target, MAX_TEXT),
    }),
    ...(address !== undefined && { "client.address": address }),
    ...(session !== undefined && {
      "mcp_sessions.session": session.key,
      "mcp_sessions.via": session.via,
    }),
  });
  if (labels["error.type"] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
}
