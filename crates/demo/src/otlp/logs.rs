//! `ExportLogsServiceRequest`.

use super::{Resource, attributes, request};
use crate::request::{ERROR, Log, WARN};

pub fn encode(resource: &Resource, logs: &[&Log]) -> Vec<u8> {
    request(resource, |scope| {
        for log in logs {
            scope.message(2, |record| {
                record.fixed64(1, log.time_ns);
                record.varint(2, u64::from(log.severity));
                record.string(3, severity_text(log.severity));
                record.message(5, |body| body.always_bytes(1, log.body.as_bytes()));
                attributes(record, 6, &log.attributes);
                if let Some((trace_id, span_id)) = log.trace {
                    record.fixed32(8, 1);
                    record.bytes(9, &trace_id.0);
                    record.bytes(10, &span_id.0);
                }
                record.fixed64(11, log.time_ns + 1_000_000);
            });
        }
    })
}

fn severity_text(severity: u8) -> &'static str {
    match severity {
        ERROR.. => "ERROR",
        WARN.. => "WARN",
        _ => "INFO",
    }
}
