//! Formats of telemetry to and from the model: OTLP, remote write, Loki push, pprof, trace context, compression.
