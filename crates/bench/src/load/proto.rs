//! Just enough of protobuf's wire format to write OTLP and remote write.

use stdx::varint::put_u64;

/// A message under construction.
#[derive(Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn varint(&mut self, field: u32, value: u64) {
        put_u64(&mut self.0, u64::from(field) << 3);
        put_u64(&mut self.0, value);
    }

    /// Returns where the eight bytes are.
    pub fn fixed64(&mut self, field: u32, value: u64) -> usize {
        put_u64(&mut self.0, u64::from(field) << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self.0.len() - 8
    }

    pub fn fixed32(&mut self, field: u32, value: u32) {
        put_u64(&mut self.0, u64::from(field) << 3 | 5);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Returns where the bytes begin.
    pub fn bytes(&mut self, field: u32, value: &[u8]) -> usize {
        put_u64(&mut self.0, u64::from(field) << 3 | 2);
        put_u64(&mut self.0, value.len() as u64);
        self.0.extend_from_slice(value);
        self.0.len() - value.len()
    }

    pub fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    /// An OTLP `KeyValue` with a string.
    pub fn attribute(&mut self, field: u32, key: &str, value: &str) {
        self.key_value(field, key, |any| any.text(1, value));
    }

    /// An OTLP `KeyValue` with an integer.
    pub fn attribute_int(&mut self, field: u32, key: &str, value: i64) {
        self.key_value(field, key, |any| any.varint(3, value as u64));
    }

    fn key_value(&mut self, field: u32, key: &str, write: impl FnOnce(&mut Message)) {
        let (mut pair, mut any) = (Message::default(), Message::default());
        write(&mut any);
        pair.text(1, key);
        pair.bytes(2, &any.0);
        self.bytes(field, &pair.0);
    }
}

/// The resource of one of the services that the load comes from.
pub fn resource(service: &str, instance: u64) -> Message {
    let mut resource = Message::default();
    resource.attribute(1, "service.name", service);
    resource.attribute(1, "service.version", "1.14.2");
    resource.attribute(1, "service.instance.id", &format!("{service}-6c9f7d5b8-{instance:05x}"));
    resource.attribute(1, "deployment.environment", "production");
    resource.attribute(1, "k8s.namespace.name", "shop");
    resource.attribute(1, "k8s.pod.name", &format!("{service}-6c9f7d5b8-{instance:05x}"));
    resource.attribute(1, "host.name", &format!("node-{:02}", instance % 12));
    resource.attribute(1, "telemetry.sdk.language", "go");
    resource
}

pub const SERVICES: [&str; 8] =
    ["web", "gateway", "checkout", "payments", "inventory", "catalog", "recommendations", "worker"];
/// Instances a service.
pub const INSTANCES: u64 = 4;
