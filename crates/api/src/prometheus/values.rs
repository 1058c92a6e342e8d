//! Results of evaluation in Prometheus' JSON: vectors, matrices, scalars, strings, and native histograms in them.

use eval::{MatrixSeries, QueryValue, Sample};
use model::histogram::FloatHistogram;

use super::number;
use crate::json;

pub fn result_type(value: &QueryValue) -> &'static str {
    match value {
        QueryValue::Scalar { .. } => "scalar",
        QueryValue::Text { .. } => "string",
        QueryValue::Vector(_) => "vector",
        QueryValue::Matrix(_) => "matrix",
    }
}

pub fn write(out: &mut Vec<u8>, value: &QueryValue) {
    match value {
        QueryValue::Scalar { at_ms, value } => float_point(out, *at_ms, *value),
        QueryValue::Text { at_ms, text } => {
            out.push(b'[');
            number::time(out, *at_ms);
            out.push(b',');
            json::string(out, &String::from_utf8_lossy(text));
            out.push(b']');
        }
        QueryValue::Vector(elements) => json::array(out, elements, |out, element| {
            out.extend_from_slice(b"{\"metric\":");
            json::string_map(out, element.labels.iter());
            match &element.sample {
                Sample::Float(value) => {
                    out.extend_from_slice(b",\"value\":");
                    float_point(out, element.at_ms, *value);
                }
                Sample::Histogram(histogram) => {
                    out.extend_from_slice(b",\"histogram\":");
                    histogram_point(out, element.at_ms, histogram);
                }
            }
            out.push(b'}');
        }),
        QueryValue::Matrix(series) => json::array(out, series, write_series),
    }
}

fn write_series(out: &mut Vec<u8>, series: &MatrixSeries) {
    out.extend_from_slice(b"{\"metric\":");
    json::string_map(out, series.labels.iter());
    let floats = series.points.iter().filter_map(|(at_ms, sample)| match sample {
        Sample::Float(value) => Some((*at_ms, *value)),
        Sample::Histogram(_) => None,
    });
    let histograms = series.points.iter().filter_map(|(at_ms, sample)| match sample {
        Sample::Float(_) => None,
        Sample::Histogram(histogram) => Some((*at_ms, histogram)),
    });
    if floats.clone().next().is_some() {
        out.extend_from_slice(b",\"values\":");
        json::array(out, floats, |out, (at_ms, value)| float_point(out, at_ms, value));
    }
    if histograms.clone().next().is_some() {
        out.extend_from_slice(b",\"histograms\":");
        json::array(out, histograms, |out, (at_ms, histogram)| histogram_point(out, at_ms, histogram));
    }
    out.push(b'}');
}

fn float_point(out: &mut Vec<u8>, at_ms: i64, value: f64) {
    out.push(b'[');
    number::time(out, at_ms);
    out.push(b',');
    number::value(out, value);
    out.push(b']');
}

fn histogram_point(out: &mut Vec<u8>, at_ms: i64, histogram: &FloatHistogram) {
    out.push(b'[');
    number::time(out, at_ms);
    out.extend_from_slice(b",{\"count\":");
    number::value(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    number::value(out, histogram.sum);
    let mut buckets = histogram.all_buckets().filter(|bucket| bucket.count != 0.0).peekable();
    if buckets.peek().is_some() {
        out.extend_from_slice(b",\"buckets\":");
        json::array(out, buckets, |out, bucket| {
            // Which bounds belong to the bucket: 0 the upper one, 1 the lower one, 2 none, 3 both.
            let rule = match (bucket.lower_inclusive, bucket.upper_inclusive) {
                (false, true) => 0,
                (true, false) => 1,
                (false, false) => 2,
                (true, true) => 3,
            };
            out.push(b'[');
            json::int(out, rule);
            for value in [bucket.lower, bucket.upper, bucket.count] {
                out.push(b',');
                number::value(out, value);
            }
            out.push(b']');
        });
    }
    out.extend_from_slice(b"}]");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eval::VectorElement;
    use model::Labels;

    use super::*;

    fn text(value: &QueryValue) -> String {
        let mut out = Vec::new();
        write(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn results_are_written_as_prometheus_writes_them() {
        let labels = Arc::new(Labels::from_pairs([("__name__", "up"), ("job", "a\"b")]));
        let element =
            VectorElement { labels: labels.clone(), at_ms: 1_435_781_451_781, sample: Sample::Float(1.0) };
        let want = r#"[{"metric":{"__name__":"up","job":"a\"b"},"value":[1435781451.781,"1"]}]"#;
        assert_eq!(text(&QueryValue::Vector(vec![element])), want);
        let points = vec![(1000, Sample::Float(f64::NAN)), (2500, Sample::Float(0.5))];
        let want = r#"[{"metric":{"__name__":"up","job":"a\"b"},"values":[[1,"NaN"],[2.500,"0.5"]]}]"#;
        assert_eq!(text(&QueryValue::Matrix(vec![MatrixSeries { labels, points }])), want);
        assert_eq!(text(&QueryValue::Scalar { at_ms: 0, value: -0.0 }), r#"[0,"-0"]"#);
        assert_eq!(text(&QueryValue::Text { at_ms: 5, text: (*b"x").into() }), r#"[0.005,"x"]"#);
    }

    #[test]
    fn histograms_list_their_buckets() {
        let histogram = FloatHistogram {
            count: 3.0,
            sum: 1.5,
            zero_threshold: 0.001,
            zero_count: 3.0,
            ..FloatHistogram::default()
        };
        let element = VectorElement {
            labels: Arc::default(),
            at_ms: 1000,
            sample: Sample::Histogram(Arc::new(histogram)),
        };
        let want = r#"[{"metric":{},"histogram":[1,{"count":"3","sum":"1.5","buckets":[[3,"-0.001","0.001","3"]]}]}]"#;
        assert_eq!(text(&QueryValue::Vector(vec![element])), want);
    }
}
