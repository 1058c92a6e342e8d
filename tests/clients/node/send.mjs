// Sends traces, logs and metrics with the OpenTelemetry SDK for Node.js and prints what was acknowledged, one JSON line a batch.
// A batch whose export fails is exported again until it succeeds, as a service with this SDK would do.
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [http, batchesText] = process.argv.slice(2);
const ITEMS_PER_BATCH = 10;
const TRIES_MAX = 200;

class ManualReader extends MetricReader {
  async onShutdown() {}
  async onForceFlush() {}
}

async function untilTaken(exporter, items, what) {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const result = await new Promise((resolve) => exporter.export(items, resolve));
    if (result.code === 0) return;
    process.stderr.write(`${what}: ${result.error?.message}\n`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what}: not taken after ${TRIES_MAX} tries`);
}

const acknowledged = (signal, ids) => process.stdout.write(`${JSON.stringify({ signal, ids })}\n`);
const resource = resourceFromAttributes({ "service.name": "node-client" });
const spans = new InMemorySpanExporter();
const logs = new InMemoryLogRecordExporter();
const reader = new ManualReader();
const tracer = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(spans)] }).getTracer("client-test");
const logger = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor(logs)] }).getLogger("client-test");
const counter = new MeterProvider({ resource, readers: [reader] }).getMeter("client-test").createCounter("client_items");
const options = (path) => ({ url: `http://${http}${path}`, timeoutMillis: 5000 });
const traceExporter = new OTLPTraceExporter(options("/v1/traces"));
const logExporter = new OTLPLogExporter(options("/v1/logs"));
const metricExporter = new OTLPMetricExporter(options("/v1/metrics"));

for (let batch = 0; batch < Number(batchesText); batch++) {
  const traceIds = [];
  for (let item = 0; item < ITEMS_PER_BATCH; item++) {
    const span = tracer.startSpan(`work ${item}`, { attributes: { item: batch * ITEMS_PER_BATCH + item } });
    traceIds.push(span.spanContext().traceId);
    logger.emit({ severityNumber: 9, severityText: "INFO", body: `node item=${batch * ITEMS_PER_BATCH + item}` });
    span.end();
    counter.add(1);
  }
  await untilTaken(traceExporter, spans.getFinishedSpans(), "traces");
  acknowledged("traces", traceIds);
  await untilTaken(logExporter, logs.getFinishedLogRecords(), "logs");
  acknowledged("logs", traceIds.map((_, item) => `node item=${batch * ITEMS_PER_BATCH + item}`));
  const { resourceMetrics } = await reader.collect();
  await untilTaken(metricExporter, resourceMetrics, "metrics");
  acknowledged("metrics", [(batch + 1) * ITEMS_PER_BATCH]);
  spans.reset();
  logs.reset();
}
