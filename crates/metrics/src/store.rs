//! The facade: one value that takes batches and answers questions.

use std::sync::Arc;

use ::store::lane::{Deps, StoreError};
use async_trait::async_trait;
use model::{Matcher, TenantId};
use pipeline::{Accepted, Batch, Consumer, Refused};

use crate::config::Config;
use crate::query::{
    Cardinality, FamilyMetadata, Hints, LabelCardinality, Listing, ReadError, Scope, SeriesData,
    SeriesExemplars, Stats, TimeRange,
};

/// The store. Methods that read may block: call them where blocking is allowed.
pub struct MetricStore {
    _config: Config,
}

/// The answer to a selector: series sorted by labels, decoded one by one as they are asked for. Holds one consistent snapshot.
pub struct SeriesSet {
    done: bool,
}

impl Iterator for SeriesSet {
    type Item = Result<SeriesData, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.done = true;
        None
    }
}

impl MetricStore {
    /// Opens the store and brings back what the journal holds. Blocking.
    pub fn open(_deps: Deps, config: Config) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self { _config: config }))
    }

    /// Series that all matchers accept, with their samples in the scope's range. Series without a sample there are left out.
    pub fn select(
        &self,
        scope: &Scope,
        _matchers: &[Matcher],
        _hints: Hints,
    ) -> Result<SeriesSet, ReadError> {
        scope.budget.check()?;
        Ok(SeriesSet { done: false })
    }

    /// Label sets that any of the selectors accepts (none given: all), sorted. `limit` 0: no limit.
    pub fn series(
        &self,
        scope: &Scope,
        _selectors: &[Vec<Matcher>],
        _limit: usize,
    ) -> Result<Listing<model::Labels>, ReadError> {
        scope.budget.check()?;
        Ok(Listing::default())
    }

    /// Names of labels, sorted, of the series that any of the selectors accepts (none given: all).
    pub fn label_names(
        &self,
        scope: &Scope,
        _selectors: &[Vec<Matcher>],
        _limit: usize,
    ) -> Result<Listing<String>, ReadError> {
        scope.budget.check()?;
        Ok(Listing::default())
    }

    /// Values of one label, sorted.
    pub fn label_values(
        &self,
        scope: &Scope,
        _name: &str,
        _selectors: &[Vec<Matcher>],
        _limit: usize,
    ) -> Result<Listing<String>, ReadError> {
        scope.budget.check()?;
        Ok(Listing::default())
    }

    /// Exemplars of the series that any of the selectors accepts, sorted by labels.
    pub fn exemplars(
        &self,
        scope: &Scope,
        _selectors: &[Vec<Matcher>],
    ) -> Result<Vec<SeriesExemplars>, ReadError> {
        scope.budget.check()?;
        Ok(Vec::new())
    }

    /// Metadata of one family, or of all, sorted by family.
    pub fn metadata(
        &self,
        _tenant: &TenantId,
        _family: Option<&str>,
    ) -> Result<Vec<FamilyMetadata>, ReadError> {
        Ok(Vec::new())
    }

    /// Where the series of a tenant's heads come from; lists hold at most `limit` entries.
    pub fn cardinality(&self, _tenant: &TenantId, _limit: usize) -> Cardinality {
        Cardinality::default()
    }

    /// Value counts of some labels (none given: all) over the active series that the matchers accept, most values first.
    pub fn label_cardinality(
        &self,
        _tenant: &TenantId,
        _names: &[String],
        _matchers: &[Matcher],
        _limit: usize,
    ) -> Vec<LabelCardinality> {
        Vec::new()
    }

    /// Deletes the samples in `range` of the series that all matchers accept; durable when it returns.
    pub async fn delete(
        &self,
        _tenant: &TenantId,
        _matchers: &[Matcher],
        _range: TimeRange,
    ) -> Result<(), Refused> {
        Err(Refused::Unavailable { reason: "metrics store is not open".into(), retry_after: None })
    }

    /// Cuts what is in the head into files now.
    pub async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}

#[async_trait]
impl Consumer for MetricStore {
    async fn consume(&self, _batch: Batch) -> Result<Accepted, Refused> {
        Err(Refused::Unavailable { reason: "metrics store is not open".into(), retry_after: None })
    }
}
