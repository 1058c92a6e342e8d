//! Any sequence of writes, cuts, merges, deletions and restarts against a naive model, bit for bit.

use std::collections::BTreeMap;

use model::{MatchOp, Matcher, TenantId};
use proptest::prelude::*;

use super::*;
use crate::TimeRange;

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<(u8, i64, u64)>),
    Flush,
    Merge,
    Delete(u8, i64, i64),
    Restart,
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (-50i64..50).prop_map(|number| (number as f64 / 4.0).to_bits()),
        Just((-0.0f64).to_bits()),
        Just(0x7ff0_0000_0000_0002),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec((0u8..5, -40i64..40, value()), 1..12).prop_map(Step::Write),
        2 => Just(Step::Flush),
        1 => Just(Step::Merge),
        1 => (0u8..5, -40i64..40, 0i64..20).prop_map(|(series, from, len)| Step::Delete(series, from, from + len)),
        1 => Just(Step::Restart),
    ]
}

/// Samples by series and time; the latest time a series was ever written at since the process began.
#[derive(Default)]
struct Naive {
    samples: BTreeMap<u8, BTreeMap<i64, u64>>,
    last: BTreeMap<u8, (i64, u64)>,
}

impl Naive {
    fn write(&mut self, series: u8, t: i64, bits: u64) {
        match self.last.get(&series) {
            Some(&(last, have)) if t == last && bits != have => return,
            Some(&(last, _)) if t <= last => {}
            _ => {
                self.last.insert(series, (t, bits));
            }
        }
        self.samples.entry(series).or_default().entry(t).or_insert(bits);
    }
}

fn check(store: &MetricStore, naive: &Naive) {
    let set = store.select(&scope(i64::MIN, i64::MAX), &named("m"), Hints::default()).unwrap();
    let got: BTreeMap<u8, BTreeMap<i64, u64>> = set
        .map(|series| {
            let series = series.unwrap();
            let columns = &series.columns;
            let samples = columns.t_ms.iter().zip(&columns.values);
            let number = series.labels.get("s").parse().unwrap();
            (number, samples.map(|(t, value)| (t - NOW, value.to_bits())).collect())
        })
        .collect();
    let want: BTreeMap<u8, BTreeMap<i64, u64>> = naive
        .samples
        .iter()
        .filter(|(_, samples)| !samples.is_empty())
        .map(|(s, v)| (*s, v.clone()))
        .collect();
    assert_eq!(got, want);
}

fn apply(world: &World, store: &mut Arc<MetricStore>, naive: &mut Naive, step: &Step) {
    match step {
        Step::Write(samples) => {
            let names: Vec<String> = samples.iter().map(|(series, ..)| series.to_string()).collect();
            let mut request = WriteRequestBuilder::default();
            for ((series, t, bits), name) in samples.iter().zip(&names) {
                request.series([("__name__", "m"), ("s", name.as_str())], |out| {
                    out.sample(NOW + t, f64::from_bits(*bits));
                });
                let _ = series;
            }
            send(store, Format::RemoteWrite1, request.finish().into()).unwrap();
            // The store takes series by series of a request; samples of one series in their order.
            samples.iter().for_each(|(series, t, bits)| naive.write(*series, *t, *bits));
        }
        Step::Flush => run(store.flush()).unwrap(),
        Step::Merge => {
            run(store.flush()).unwrap();
            while store.lane().maintain_now().unwrap() {}
        }
        Step::Delete(series, from, to) => {
            let matchers = [
                Matcher::equal("__name__", "m"),
                Matcher::new("s", MatchOp::Regex, series.to_string()).unwrap(),
            ];
            let range = TimeRange { from_ms: NOW + from, to_ms: NOW + to };
            committed(store, store.delete(&TenantId::anonymous(), &matchers, range)).unwrap();
            if let Some(samples) = naive.samples.get_mut(series) {
                samples.retain(|t, _| !(from..=to).contains(&t));
            }
        }
        Step::Restart => {
            run(store.close()).unwrap();
            *store = world.open();
            // What is known of latest samples is what the journal still holds: refusals depend on it, so the model begins anew too.
            naive.last.clear();
            run(store.flush()).unwrap();
            run(store.close()).unwrap();
            *store = world.open();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn the_store_equals_a_naive_model(steps in prop::collection::vec(step(), 1..25)) {
        let world = World::new();
        let (mut store, mut naive) = (world.open(), Naive::default());
        for step in &steps {
            apply(&world, &mut store, &mut naive, step);
            check(&store, &naive);
        }
        run(store.close()).unwrap();
    }
}
