//! Queries that would take too much are refused with the right error, and take nothing.

use eval::memory::{LoadedSample, MemorySource};
use eval::{Bounds, EvalError, Options, Query, QueryOutput, QueryTime, evaluate};
use limits::{MemoryGuard, QueryBudget};
use model::Labels;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn source(series: usize) -> MemorySource {
    let mut source = MemorySource::default();
    for number in 0..series {
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("n", number.to_string())]);
        let sample = |place: i64| LoadedSample {
            time_ms: place * 10_000,
            start_ms: 0,
            value: (place * (number as i64 + 1)) as f64,
            histogram: None,
        };
        source.append(labels, (0..100).map(sample));
    }
    source
}

fn run(text: &str, bounds: Bounds) -> Result<QueryOutput, EvalError> {
    let expr = promql::parse(text).expect("the queries are valid");
    let time = QueryTime::Range { start_ms: 0, end_ms: 900_000, step_ms: 10_000 };
    evaluate(&source(50), &Query { expr: &expr, text, time }, &Options::default(), bounds, None)
}

fn unlimited() -> Bounds {
    Bounds::new(QueryBudget::unlimited())
}

#[test]
fn samples_are_limited() {
    let bounds = || Bounds { max_samples: 1000, ..unlimited() };
    assert_eq!(run("m", bounds()).err(), Some(EvalError::TooManySamples));
    assert_eq!(
        EvalError::TooManySamples.to_string(),
        "query processing would load too many samples into memory in query execution"
    );
    // Folded while it is read, the same selection is no burden.
    assert!(run("sum(m)", bounds()).is_ok());
    assert!(run("sum by (n) (m)", bounds()).is_err());
}

#[test]
fn bytes_are_limited_per_query_and_for_all() {
    let bounds = Bounds { max_bytes: 20_000, ..unlimited() };
    assert!(matches!(run("m", bounds), Err(EvalError::TooMuchMemory(_))));
    let pool = MemoryGuard::new(20_000, Vec::new());
    let bounds = Bounds { pool: Some(Arc::clone(&pool)), ..unlimited() };
    assert!(matches!(run("m * 2 + m", bounds), Err(EvalError::TooMuchMemory(_))));
    assert_eq!(pool.in_flight_bytes(), 0);
}

#[test]
fn grids_without_end_are_refused_before_they_are_made() {
    for text in [
        "sum_over_time(m[100y:1ms])",
        "max_over_time(vector(1)[100y:1ms])",
        "sum_over_time(sum_over_time(m[50y:1ms])[50y:1ms])",
        "sum(sum_over_time(vector(time())[100y:1ms]))",
    ] {
        assert_eq!(run(text, unlimited()).err(), Some(EvalError::TooManySamples), "{text}");
    }
    let expr = promql::parse("1").expect("valid");
    let time = QueryTime::Range { start_ms: i64::MIN, end_ms: i64::MAX, step_ms: 1 };
    let refused =
        evaluate(&source(1), &Query { expr: &expr, text: "1", time }, &Options::default(), unlimited(), None);
    assert!(matches!(refused.err(), Some(EvalError::TooManySamples | EvalError::TooMuchMemory(_))));
}

#[test]
fn values_that_become_labels_are_limited() {
    let bounds = Bounds { max_bytes: 200_000, ..unlimited() };
    let result = run("count_values(\"v\", m)", bounds);
    assert!(matches!(result, Err(EvalError::TooMuchMemory(_))));
}

#[test]
fn a_query_stops_in_the_middle() {
    // Time goes on by one each time it is looked at: the query is always in the middle of something.
    let looks = Arc::new(AtomicU64::new(0));
    let text = "quantile_over_time(0.5, m[900s]) + on (n) group_left () topk(3, rate(m[5m]))";
    let run_until = |deadline: u64| {
        let seen = Arc::clone(&looks);
        seen.store(0, Ordering::Relaxed);
        let now = Box::new(move || Duration::from_millis(seen.fetch_add(1, Ordering::Relaxed)));
        let budget = QueryBudget::new(u64::MAX, Duration::from_millis(deadline), now);
        run(text, Bounds::new(budget)).map(|_| ())
    };
    assert_eq!(run_until(1_000_000), Ok(()));
    let all_looks = looks.load(Ordering::Relaxed);
    assert!(
        all_looks > 100,
        "a query of many series and steps asks often whether to go on, not {all_looks} times"
    );
    for deadline in (1..all_looks).step_by(17) {
        assert_eq!(run_until(deadline), Err(EvalError::TimedOut));
    }
    let budget = QueryBudget::unlimited();
    budget.cancel();
    assert_eq!(run(text, Bounds::new(budget)).map(|_| ()), Err(EvalError::Cancelled));
    assert_eq!(EvalError::Cancelled.to_string(), "query was canceled in expression evaluation");
}
