//! The log signal behind the shared spine.

use std::ops::Range;
use std::sync::Arc;

use model::{Format, Signal};
use ports::Record;
use store::{BlockReader, ContainerError, Keep, NewFile, SignalEngine};

use crate::batch::Batch;
use crate::checks::Checks;
use crate::config::Config;
use crate::head::Head;
use crate::prepare::{Origins, Parsed, parse};
use crate::{build, merge};

/// What turns records into heads and heads into files.
pub struct LogEngine {
    config: Config,
    origins: Origins,
}

impl LogEngine {
    pub fn new(config: Config) -> Self {
        Self { config, origins: Origins::default() }
    }

    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Parses a request under all limits.
    pub(crate) fn check(&self, batch: &pipeline::Batch) -> Result<Parsed, String> {
        let checks = Checks::new(&self.config, batch.received_at_ms);
        let body = batch.body.clone();
        parse(&batch.tenant, batch.format, body, batch.received_at_ms, &self.origins, Some(&checks))
    }

    /// Parses a request that was accepted before.
    pub(crate) fn trust(
        &self,
        tenant: &model::TenantId,
        format: Format,
        body: bytes::Bytes,
        received_at_ms: i64,
    ) -> Result<Batch, String> {
        parse(tenant, format, body, received_at_ms, &self.origins, None).map(|parsed| parsed.batch)
    }
}

impl SignalEngine for LogEngine {
    const SIGNAL: Signal = Signal::Logs;
    type Head = Head;
    type Prepared = Batch;

    fn new_head(&self) -> Head {
        self.origins.forget();
        Head::default()
    }

    fn prepare(&self, record: &Record) -> Result<Batch, String> {
        let body = crate::store::unpack(record)?;
        self.trust(&record.tenant, record.format, body, record.received_at_ms)
    }

    fn apply(&self, head: &Head, offset: u64, prepared: Batch) {
        head.push(offset, prepared);
    }

    fn head_bytes(&self, head: &Head) -> usize {
        head.bytes()
    }

    fn build(&self, head: &Head, _offsets: Range<u64>) -> Result<Vec<NewFile>, ContainerError> {
        Ok(build::build(head, self.config.level_build))
    }

    fn merge(&self, inputs: &[Arc<BlockReader>], keep: &Keep) -> Result<Vec<NewFile>, ContainerError> {
        merge::merge(inputs, keep, self.config.level_merge)
    }
}
