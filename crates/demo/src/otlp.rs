//! The shop's telemetry as OTLP protobuf, one export request a process and signal, as SDKs send it.

pub mod logs;
pub mod metrics;
pub mod profiles;
pub mod traces;

use std::sync::Arc;

use wire::proto::Writer;

use crate::request::{Attributes, Value};

/// Who sends: the attributes of a process.
#[derive(Clone, Debug)]
pub struct Resource {
    pub attributes: Arc<[(&'static str, String)]>,
}

const SCOPE: &str = "shop.demo";

/// `resource` (1) and `scope` (1 of the scope message) open every request alike; `items` writes the rest of the scope message.
fn request(resource: &Resource, items: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).message(1, |per_resource| in_resource(per_resource, resource, items));
    out
}

fn in_resource(writer: &mut Writer<'_>, resource: &Resource, items: impl FnOnce(&mut Writer<'_>)) {
    writer.message(1, |message| {
        for (name, value) in resource.attributes.iter() {
            text_attribute(message, 1, name, value);
        }
    });
    writer.message(2, |scope| {
        scope.message(1, |message| {
            message.string(1, SCOPE);
            message.string(2, "1.0.0");
        });
        items(scope);
    });
}

fn text_attribute(writer: &mut Writer<'_>, field: u32, name: &str, value: &str) {
    writer.message(field, |pair| {
        pair.string(1, name);
        pair.message(2, |any| any.always_bytes(1, value.as_bytes()));
    });
}

fn attributes(writer: &mut Writer<'_>, field: u32, attributes: &Attributes) {
    for (name, value) in attributes {
        match value {
            Value::Text(text) => text_attribute(writer, field, name, text),
            Value::Int(number) => writer.message(field, |pair| {
                pair.string(1, name);
                pair.message(2, |any| any.always_varint(3, *number as u64));
            }),
        }
    }
}
