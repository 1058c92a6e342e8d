//! Oriel's own telemetry: metric registry and exposition, structured logs, build information.
