use model::Signal;

use crate::config::{OtlpConfig, TranslationStrategy};
use crate::ingest::Parsed;
use crate::ingest::otlp::scan;
use crate::series::labels::parse;

const REQUEST: &str = r#"{"resourceMetrics":[{
  "resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"cart"}},
    {"key":"service.namespace","value":{"stringValue":"shop"}},
    {"key":"service.instance.id","value":{"stringValue":"i-1"}},
    {"key":"k8s.pod.name","value":{"stringValue":"p1"}},
    {"key":"cores","value":{"intValue":"4"}}]},
  "scopeMetrics":[{"scope":{"name":"lib","version":"1"},"metrics":[
    {"name":"temp","unit":"Cel","description":"warm","gauge":{"dataPoints":[
      {"timeUnixNano":"2000000000","asDouble":1.5,"attributes":[
        {"key":"room.no","value":{"intValue":"7"}},{"key":"room_no","value":{"stringValue":"b"}}]}]}},
    {"name":"req.count","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
      {"startTimeUnixNano":"1000000000","timeUnixNano":"3000000000","asInt":"42","exemplars":[
        {"timeUnixNano":"2500000000","asDouble":3,"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]},
      {"timeUnixNano":"3000000000","flags":1,"attributes":[{"key":"gone","value":{"boolValue":true}}]}]}},
    {"name":"lat","unit":"s","histogram":{"aggregationTemporality":1,"dataPoints":[
      {"startTimeUnixNano":"1000000000","timeUnixNano":"2000000000","count":"6","sum":9.5,
       "bucketCounts":["1","2","3"],"explicitBounds":[0.5,10]}]}},
    {"name":"exp","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
      {"timeUnixNano":"2000000000","count":"10","sum":4,"scale":9,"zeroCount":"1",
       "positive":{"offset":2,"bucketCounts":["1","2","0","0","0","0","0","0","0","0","6"]}}]}},
    {"name":"sm","summary":{"dataPoints":[
      {"timeUnixNano":"2000000000","count":"3","sum":6,"quantileValues":[{"quantile":0.99,"value":5}]}]}},
    {"name":"bad","sum":{"aggregationTemporality":0,"dataPoints":[{"timeUnixNano":"1","asInt":"1"}]}},
    {"name":"low","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
      {"timeUnixNano":"2000000000","scale":-5}]}}
  ]}]}]}"#;

fn show(parsed: &Parsed<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, row) in parsed.rows.iter().enumerate() {
        let labels: Vec<String> = parse(parsed.labels(row))
            .unwrap()
            .iter()
            .map(
                |(name, value)| {
                    if *name == "__name__" { (*value).to_owned() } else { format!("{name}={value}") }
                },
            )
            .collect();
        for sample in &parsed.samples[row.samples.start as usize..row.samples.end as usize] {
            let value =
                if sample.is_histogram { "H".into() } else { f64::from_bits(sample.bits).to_string() };
            let start =
                if sample.start_ms > 0 { format!(" from {}", sample.start_ms) } else { String::new() };
            lines.push(format!("{} {value}@{}{start}", labels.join(" "), sample.t_ms));
        }
        for exemplar in parsed.exemplars.iter().filter(|exemplar| exemplar.row as usize == index) {
            let labels = parse(&parsed.bytes[exemplar.labels.clone()]).unwrap();
            lines.push(format!("# {labels:?} {}@{}", f64::from_bits(exemplar.value_bits), exemplar.t_ms));
        }
    }
    lines
}

fn translate(config: &OtlpConfig) -> (Vec<String>, String) {
    let proto = wire::otlp::request_from_json(Signal::Metrics, REQUEST.as_bytes()).unwrap();
    let parsed = scan(&proto, config).unwrap();
    (show(&parsed), parsed.verdict.message())
}

#[test]
fn points_become_samples_as_prometheus_makes_them() {
    let (lines, refused) = translate(&OtlpConfig::default());
    let want = [
        "temp_celsius instance=i-1 job=shop/cart room_no=7;b 1.5@2000",
        "req_count_total instance=i-1 job=shop/cart 42@3000 from 1000",
        r##"# [("trace_id", "5b8efff798038103d269b633813fc60c"), ("span_id", "eee19b7ec3c1b174")] 3@2500"##,
        "req_count_total gone=true instance=i-1 job=shop/cart NaN@3000",
        "lat_seconds_sum instance=i-1 job=shop/cart 9.5@2000 from 1000",
        "lat_seconds_count instance=i-1 job=shop/cart 6@2000 from 1000",
        "lat_seconds_bucket instance=i-1 job=shop/cart le=0.5 1@2000 from 1000",
        "lat_seconds_bucket instance=i-1 job=shop/cart le=10 3@2000 from 1000",
        "lat_seconds_bucket instance=i-1 job=shop/cart le=+Inf 6@2000 from 1000",
        "exp instance=i-1 job=shop/cart H@2000",
        "sm_sum instance=i-1 job=shop/cart 6@2000",
        "sm_count instance=i-1 job=shop/cart 3@2000",
        "sm instance=i-1 job=shop/cart quantile=0.99 5@2000",
        "target_info cores=4 instance=i-1 job=shop/cart k8s_pod_name=p1 1@2000",
        "target_info cores=4 instance=i-1 job=shop/cart k8s_pod_name=p1 1@3000",
    ];
    assert_eq!(lines, want);
    assert_eq!(
        refused,
        "invalid temporality and type combination for metric \"bad\"\ncannot convert exponential to native \
         histogram. Scale must be >= -4, was -5 for metric \"low\""
    );
}

#[test]
fn options_change_names_and_labels() {
    let config = OtlpConfig {
        translation_strategy: TranslationStrategy::NoTranslation,
        promote_resource_attributes: vec!["k8s.pod.name".into()],
        keep_identifying_resource_attributes: true,
        promote_scope_metadata: true,
        convert_histograms_to_nhcb: true,
        ..OtlpConfig::default()
    };
    let (lines, _) = translate(&config);
    let common = "instance=i-1 job=shop/cart k8s.pod.name=p1 otel_scope_name=lib otel_scope_version=1";
    assert_eq!(lines[0], format!("temp {common} room.no=7 room_no=b 1.5@2000"));
    assert!(lines.contains(&format!("lat {common} H@2000 from 1000")), "{lines:?}");
    let info = "target_info cores=4 instance=i-1 job=shop/cart k8s.pod.name=p1 service.instance.id=i-1 \
                service.name=cart service.namespace=shop 1@2000";
    assert!(lines.iter().any(|line| line == info), "{lines:?}");

    let all = OtlpConfig {
        promote_all_resource_attributes: true,
        ignore_resource_attributes: vec!["cores".into()],
        ..OtlpConfig::default()
    };
    let want = "temp_celsius instance=i-1 job=shop/cart k8s_pod_name=p1 room_no=7;b service_instance_id=i-1 \
                service_name=cart service_namespace=shop 1.5@2000";
    assert_eq!(translate(&all).0[0], want);
}

#[test]
fn exponential_buckets_are_those_of_prometheus() {
    let proto = wire::otlp::request_from_json(Signal::Metrics, REQUEST.as_bytes()).unwrap();
    let parsed = scan(&proto, &OtlpConfig::default()).unwrap();
    let histogram =
        wire::series_batch::histogram::take_histogram(&mut &parsed.bytes[parsed.histograms[0].clone()]);
    let Some(model::sample::NativeHistogram::Integer(histogram)) = histogram else { panic!("{histogram:?}") };
    // Scale 9 comes down to 8: buckets 2 and 3 join as 1, which Prometheus numbers 2; bucket 12 becomes 6, numbered 7.
    assert_eq!((histogram.schema, histogram.zero_threshold), (8, 1e-128));
    let buckets: Vec<(i32, i64)> = histogram.to_float().positive.iter().map(|(i, c)| (i, c as i64)).collect();
    assert_eq!(buckets, [(2, 3), (7, 6)]);
}
