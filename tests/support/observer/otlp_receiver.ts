/** A receiver of OTLP over HTTP, as JSON: what a program's exporter sends to a collector. */

interface Attribute {
  readonly key: string;
  readonly value: Record<string, string | boolean | number>;
}

/** A span with its attributes by name. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty or absent for the first span of a trace. */
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly attributes: Record<string, unknown>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number };
  readonly scope: string;
}

/** The points of a histogram, with their attributes by name. */
export interface ReceivedHistogram {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly {
    readonly attributes: Record<string, unknown>;
    readonly count: number;
    readonly sum: number;
    readonly explicitBounds: readonly number[];
  }[];
}

export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly histograms: ReceivedHistogram[] = [];
  /** All spans and metrics that came, as text. Lines on stderr, which Deno sends too, are not among them. */
  text = "";
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#receive(request),
    );
  }

  static open(): OtlpReceiver {
    return new OtlpReceiver();
  }

  /** The environment of a program that exports to it. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
    };
  }

  /** The spans of the requests of MCP, and not those of Deno. */
  get requests(): ReceivedSpan[] {
    return this.spans.filter(({ scope }) => scope === "mcp-sessions");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #receive(request: Request): Promise<Response> {
    const text = await request.text();
    if (!request.url.endsWith("/v1/logs")) this.text += text;
    const { resourceSpans = [], resourceMetrics = [] } = JSON.parse(text);
    for (const { scopeSpans } of resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) {
          this.spans.push({
            ...span,
            links: span.links ?? [],
            attributes: byName(span.attributes),
            scope: scope?.name,
          });
        }
      }
    }
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { metrics } of scopeMetrics) {
        for (const { name, unit, histogram } of metrics) {
          if (histogram === undefined) continue;
          const points = histogram.dataPoints.map((point: Record<string, never>) => ({
            ...point,
            attributes: byName(point.attributes),
            count: Number(point.count),
          }));
          this.histograms.push({ name, unit, points });
        }
      }
    }
    return Response.json({});
  }
}

function byName(attributes: readonly Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
