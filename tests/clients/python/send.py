"""Sends traces, logs and metrics with the OpenTelemetry SDK for Python and prints what was acknowledged, one JSON line a batch.

A batch whose export fails is exported again until it succeeds: exactly what a service with this SDK would do, so nothing may be missing at the
end, and what came twice is the client's doing.
"""

import json
import sys
import time

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import logging

ITEMS_PER_BATCH = 10
TRIES_MAX = 200


def until_taken(export, what):
    for _ in range(TRIES_MAX):
        try:
            if export().name == "SUCCESS":
                return
        except Exception as error:  # the connection broke in the middle
            print(f"{what}: {error}", file=sys.stderr)
        time.sleep(0.1)
    raise SystemExit(f"{what}: not taken after {TRIES_MAX} tries")


def acknowledged(signal, ids):
    print(json.dumps({"signal": signal, "ids": ids}), flush=True)


def main(http, grpc, batches):
    resource = Resource.create({"service.name": "python-client"})
    spans, logs, reader = InMemorySpanExporter(), InMemoryLogExporter(), InMemoryMetricReader()
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    meters = MeterProvider(resource=resource, metric_readers=[reader])
    counter = meters.get_meter("client-test").create_counter("client_items")
    tracer = tracers.get_tracer("client-test")
    logger = logging.getLogger("client-test")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(LoggingHandler(logger_provider=loggers))
    exporters = [
        OTLPSpanExporter(endpoint=f"http://{http}/v1/traces", timeout=5),
        GrpcSpanExporter(endpoint=f"http://{grpc}", insecure=True, timeout=5),
    ]
    log_exporter = OTLPLogExporter(endpoint=f"http://{http}/v1/logs", timeout=5)
    metric_exporter = OTLPMetricExporter(endpoint=f"http://{http}/v1/metrics", timeout=5)
    for batch in range(batches):
        trace_ids = []
        for item in range(ITEMS_PER_BATCH):
            with tracer.start_as_current_span(f"work {item}") as span:
                span.set_attribute("item", batch * ITEMS_PER_BATCH + item)
                trace_ids.append(f"{span.get_span_context().trace_id:032x}")
                logger.info("python item=%d", batch * ITEMS_PER_BATCH + item)
            counter.add(1)
        finished, lines, numbers = spans.get_finished_spans(), logs.get_finished_logs(), reader.get_metrics_data()
        exporter = exporters[batch % len(exporters)]
        until_taken(lambda: exporter.export(finished), "traces")
        acknowledged("traces", trace_ids)
        until_taken(lambda: log_exporter.export(lines), "logs")
        acknowledged("logs", [f"python item={batch * ITEMS_PER_BATCH + item}" for item in range(ITEMS_PER_BATCH)])
        until_taken(lambda: metric_exporter.export(numbers), "metrics")
        acknowledged("metrics", [(batch + 1) * ITEMS_PER_BATCH])
        spans.clear()
        logs.clear()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
