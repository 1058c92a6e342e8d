//! The spine against a naive model: random operations, and after each one the lane must show exactly what the model says.

use std::collections::BTreeSet;
use std::path::Path;

use ports::sim::Survivors;
use proptest::prelude::*;

use super::engine::{Numbers, World, all_items, append, record};
use crate::lane::*;

#[derive(Clone, Debug)]
enum Step {
    /// Append and wait.
    Append(u64),
    /// Append without waiting: may or may not outlive a crash.
    Begin(u64),
    Commit,
    Cut,
    Flush,
    Maintain,
    AdvanceMs(u64),
    /// Close or crash, and open again.
    Reopen(Option<u64>),
    /// Keep a snapshot; it must go on seeing what it saw.
    Hold,
    Release,
    /// Flip a byte of a live file, and scrub.
    Corrupt(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u64..9).prop_map(Step::Append),
        3 => (1u64..5).prop_map(Step::Begin),
        3 => Just(Step::Commit),
        4 => Just(Step::Cut),
        1 => Just(Step::Flush),
        4 => Just(Step::Maintain),
        3 => (1u64..120).prop_map(Step::AdvanceMs),
        2 => proptest::option::of(any::<u64>()).prop_map(Step::Reopen),
        1 => Just(Step::Hold),
        1 => Just(Step::Release),
        1 => (0usize..100, 0usize..10_000).prop_map(|(file, place)| Step::Corrupt(file, place)),
    ]
}

const RETENTION_MS: u64 = 400;

/// What is true.
#[derive(Default)]
struct Model {
    next_item: u64,
    acknowledged: BTreeSet<u64>,
    /// Begun, not acknowledged: may be there or not after a crash.
    uncertain: BTreeSet<u64>,
    /// Crashed while uncertain, and corruption kept us from looking.
    unknown: BTreeSet<u64>,
    /// Items before this may have gone.
    expired_before: u64,
    corrupt: bool,
}

impl Model {
    fn check(&self, items: &[u64]) -> Result<(), TestCaseError> {
        prop_assert!(items.iter().collect::<BTreeSet<_>>().len() == items.len(), "twice: {:?}", items);
        for item in self.acknowledged.iter().filter(|item| **item >= self.expired_before) {
            prop_assert!(items.contains(item), "{item} is missing in {:?}", items);
        }
        for item in items {
            let known = [&self.acknowledged, &self.uncertain, &self.unknown];
            prop_assert!(known.iter().any(|items| items.contains(item)), "{item} from nowhere");
        }
        Ok(())
    }
}

struct Run {
    world: World,
    lane: Arc<Lane<Numbers>>,
    model: Model,
    held: Option<(Snapshot<Numbers>, Vec<u64>)>,
    now_ms: u64,
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        world.config.retention = Some(Duration::from_millis(RETENTION_MS));
        world.config.heads_max = 3;
        let lane = world.open();
        Self { world, lane, model: Model::default(), held: None, now_ms: 0 }
    }

    /// Items are numbered by time, so that the model knows what expires.
    fn items(&mut self, count: u64) -> Vec<u64> {
        let first = self.model.next_item.max(self.now_ms);
        self.model.next_item = first + count;
        (first..first + count).collect()
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append(count) => {
                let items = self.items(*count);
                if append(&self.lane, &items) {
                    self.model.acknowledged.extend(items);
                    // The commit has taken everything queued before along.
                    self.commit();
                }
            }
            Step::Begin(count) => {
                let items = self.items(*count);
                if self.lane.begin(record(&items), items.clone()).is_ok() {
                    self.model.uncertain.extend(items);
                }
            }
            Step::Commit => {
                self.lane.commit_now();
                self.commit();
            }
            Step::Cut => self.lane.cut_now().unwrap(),
            Step::Flush => crate::object::block_on(self.lane.flush()).unwrap(),
            Step::Maintain => {
                self.model.expired_before = self.now_ms.saturating_sub(RETENTION_MS);
                while self.lane.maintain_now().unwrap() {}
            }
            Step::AdvanceMs(by) => {
                self.now_ms += by;
                self.world.clock.jump_to_ms(self.now_ms as i64);
            }
            Step::Reopen(crash) => self.reopen(*crash),
            Step::Hold if !self.model.corrupt => {
                self.held = Some((self.lane.snapshot(), all_items(&self.lane).unwrap()));
            }
            Step::Release => self.held = None,
            Step::Corrupt(file, place) => self.corrupt(*file, *place),
            Step::Hold => {}
        }
        Ok(())
    }

    fn commit(&mut self) {
        let certain = std::mem::take(&mut self.model.uncertain);
        self.model.acknowledged.extend(certain);
    }

    fn reopen(&mut self, crash: Option<u64>) {
        self.held = None;
        if let Some(seed) = crash {
            let survivors = if seed % 4 == 0 { Survivors::None } else { Survivors::Some(seed) };
            let config = self.world.config.clone();
            self.world = World { config, ..World::on(self.world.disk.crash(survivors)) };
            self.world.clock.jump_to_ms(self.now_ms as i64);
        } else {
            crate::object::block_on(self.lane.close()).unwrap();
            self.commit();
        }
        self.lane = self.world.open();
        if self.model.corrupt {
            let uncertain = std::mem::take(&mut self.model.uncertain);
            self.model.unknown.extend(uncertain);
        } else {
            let found = all_items(&self.lane).unwrap();
            self.model.uncertain.retain(|item| found.contains(item));
            self.commit();
        }
    }

    fn corrupt(&mut self, file: usize, place: usize) {
        let files = self.lane.snapshot().files;
        if files.is_empty() {
            return;
        }
        let file = &files[file % files.len()];
        // The reserved bytes of the trailer and the magic in front are the only ones without a checksum.
        let len = file.len as usize;
        let place = 8 + place % (len - 8 - 40);
        self.world.disk.corrupt(&Path::new("/data/objects").join(&file.name), place as u64, 0x20);
        self.lane.scrub_now().unwrap();
        self.model.corrupt = true;
        self.held = None;
    }

    fn check(&self) -> Result<(), TestCaseError> {
        match all_items(&self.lane) {
            Ok(items) => {
                self.model.check(&items)?;
                let quarantined = self.lane.status().quarantined;
                prop_assert!(quarantined.is_empty(), "an answer in spite of quarantine: {quarantined:?}");
            }
            Err(error) => prop_assert!(self.model.corrupt, "{error}"),
        }
        prop_assert!(self.lane.snapshot().damage.is_empty());
        if let Some((snapshot, saw)) = &self.held {
            let mut sees = Vec::new();
            for file in &snapshot.files {
                let reader = file.reader().map_err(|error| TestCaseError::fail(error.to_string()))?;
                sees.extend(super::engine::items_of(&reader).unwrap());
            }
            for head in &snapshot.heads {
                sees.extend(head.lock().values());
            }
            prop_assert!(sees.starts_with(saw), "a held snapshot lost {:?}, it sees {:?}", saw, sees);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_lane_is_what_the_model_says(steps in prop::collection::vec(step(), 1..80)) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step)?;
            run.check()?;
        }
        if !run.model.corrupt {
            prop_assert_eq!(run.lane.scrub_now().unwrap().audit_failure, None);
        }
    }
}
