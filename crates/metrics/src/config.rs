//! How the metrics store behaves: every bound with its name and default.

use std::time::Duration;

use store::lane::LaneConfig;

/// Which names are legal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameScheme {
    /// Any UTF-8, as Prometheus 3 has it.
    #[default]
    Utf8,
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`, labels without colons.
    Legacy,
}

/// Bounds on what one tenant may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantLimits {
    /// Series in heads; further new series are refused. 0: no limit.
    pub max_active_series: u64,
    pub max_label_names_per_series: usize,
    pub max_label_name_length: usize,
    pub max_label_value_length: usize,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self {
            max_active_series: 0,
            max_label_names_per_series: 256,
            max_label_name_length: 1024,
            max_label_value_length: 16 * 1024,
        }
    }
}

/// How OTLP names become Prometheus names. As `otlp.translation_strategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TranslationStrategy {
    #[default]
    UnderscoreEscapingWithSuffixes,
    NoUtf8EscapingWithSuffixes,
    UnderscoreEscapingWithoutSuffixes,
    NoTranslation,
}

/// The `otlp:` section of `prometheus.yml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    pub translation_strategy: TranslationStrategy,
    pub promote_resource_attributes: Vec<String>,
    pub promote_all_resource_attributes: bool,
    pub ignore_resource_attributes: Vec<String>,
    pub keep_identifying_resource_attributes: bool,
    pub convert_histograms_to_nhcb: bool,
    pub promote_scope_metadata: bool,
    pub label_name_underscore_sanitization: bool,
    pub label_name_preserve_multiple_underscores: bool,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            translation_strategy: TranslationStrategy::default(),
            promote_resource_attributes: Vec::new(),
            promote_all_resource_attributes: false,
            ignore_resource_attributes: Vec::new(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
        }
    }
}

/// Samples of series that all matchers accept are kept for this long only. Of several rules that match, the shortest holds; none can keep
/// samples longer than the retention of the whole store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    pub matchers: Vec<model::Matcher>,
    pub time: Duration,
}

impl TranslationStrategy {
    /// As `prometheus.yml` has them.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("UnderscoreEscapingWithSuffixes", Self::UnderscoreEscapingWithSuffixes),
        ("NoUTF8EscapingWithSuffixes", Self::NoUtf8EscapingWithSuffixes),
        ("UnderscoreEscapingWithoutSuffixes", Self::UnderscoreEscapingWithoutSuffixes),
        ("NoTranslation", Self::NoTranslation),
    ];
}

/// The whole of it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The lane's bounds and rhythms. [`Config::new`] sets a cut size that suits samples.
    pub lane: LaneConfig,
    /// Shards of registry and heads; 0: four for each core, so that writers rarely meet.
    pub shards: usize,
    /// How far before the latest sample of its series a sample may be. Zero: not at all.
    pub out_of_order_window: Duration,
    /// How far after its receipt a sample may be.
    pub future_bound: Duration,
    pub names: NameScheme,
    pub limits: TenantLimits,
    pub otlp: OtlpConfig,
    pub retention_rules: Vec<RetentionRule>,
    /// Cuts without a sample after which a series is no longer active.
    pub idle_cuts: u32,
    /// Heads and registry above this: new series are refused, known ones go on. 0: no limit.
    pub memory_soft_bytes: usize,
    /// Heads and registry above this: all writes are refused. 0: no limit.
    pub memory_hard_bytes: usize,
}

impl Config {
    pub const OUT_OF_ORDER_WINDOW: Duration = Duration::from_secs(3600);
    pub const FUTURE_BOUND: Duration = Duration::from_secs(600);
    /// Decompressed request bytes in one generation: some 15 million samples by remote write 1.
    pub const CUT_BYTES: u64 = 4 << 30;

    pub fn new(mut lane: LaneConfig) -> Self {
        lane.cut_bytes = Self::CUT_BYTES;
        Self {
            lane,
            shards: 0,
            out_of_order_window: Self::OUT_OF_ORDER_WINDOW,
            future_bound: Self::FUTURE_BOUND,
            names: NameScheme::default(),
            limits: TenantLimits::default(),
            otlp: OtlpConfig::default(),
            retention_rules: Vec::new(),
            idle_cuts: 2,
            memory_soft_bytes: 0,
            memory_hard_bytes: 0,
        }
    }
}
