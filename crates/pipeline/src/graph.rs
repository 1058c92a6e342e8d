//! From a plan to a running graph: named pipelines, each from receivers through processors to exporters.
//!
//! The shape is the OpenTelemetry Collector's, because people know it: a pipeline carries one signal; a component that several pipelines name is one
//! component; a connector is an exporter of one pipeline and a receiver of another. Checking is pure and comes first; building makes consumers from the
//! end to the beginning, so every component is handed what comes after it. Nothing is spawned here.

use std::collections::{BTreeMap, HashMap};

use model::Signal;

use crate::batch::Sink;
use crate::fan_out::FanOut;

/// One pipeline by the names of its components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelinePlan {
    /// `logs`, `logs/2`, ...
    pub name: String,
    pub signal: Signal,
    pub receivers: Vec<String>,
    pub processors: Vec<String>,
    pub exporters: Vec<String>,
}

/// All pipelines, and which names are connectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub pipelines: Vec<PipelinePlan>,
    pub connectors: Vec<String>,
}

/// Makes the components that a plan names. `build` of a component spawns nothing.
pub trait Parts {
    fn exporter(&mut self, name: &str, signal: Signal) -> Result<Sink, String>;
    fn processor(&mut self, name: &str, signal: Signal, pipeline: &str, next: Sink) -> Result<Sink, String>;
    /// `next` leads to all pipelines that receive `to` from this connector.
    fn connector(&mut self, name: &str, from: Signal, to: Signal, next: Sink) -> Result<Sink, String>;
}

/// Why a plan cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    #[error("pipeline {pipeline:?} has no {what}")]
    Missing { pipeline: String, what: &'static str },
    #[error("pipeline {0:?} is there twice")]
    Twice(String),
    #[error("connector {connector:?} is used as {used} but not as {unused}")]
    HalfConnector { connector: String, used: &'static str, unused: &'static str },
    #[error("cycle detected: {0}")]
    Cycle(String),
    #[error("{component}: {reason}")]
    Component { component: String, reason: String },
}

/// Where receivers feed in: one sink for each receiver and signal.
#[derive(Default)]
pub struct Graph {
    inlets: HashMap<(String, Signal), Sink>,
}

impl Graph {
    /// Checks and builds. Every component is made once for each signal that it carries (processors: once for each pipeline).
    pub fn build(plan: &Plan, parts: &mut dyn Parts) -> Result<Self, BadPlan> {
        plan.check()?;
        let mut builder = Builder { plan, parts, exporters: HashMap::new(), heads: BTreeMap::new() };
        for place in plan.order()? {
            builder.pipeline(&plan.pipelines[place])?;
        }
        let mut fed: HashMap<(String, Signal), Vec<Sink>> = HashMap::new();
        for pipeline in &plan.pipelines {
            for receiver in pipeline.receivers.iter().filter(|name| !plan.is_connector(name)) {
                let key = (receiver.clone(), pipeline.signal);
                fed.entry(key).or_default().push(builder.heads[&pipeline.name].clone());
            }
        }
        Ok(Self { inlets: fed.into_iter().map(|(key, sinks)| (key, FanOut::over(sinks))).collect() })
    }

    /// What `receiver` feeds with `signal`; `None` if no pipeline wants it.
    pub fn inlet(&self, receiver: &str, signal: Signal) -> Option<Sink> {
        self.inlets.get(&(receiver.to_owned(), signal)).cloned()
    }

    pub fn inlets(&self) -> impl Iterator<Item = (&str, Signal)> {
        self.inlets.keys().map(|(name, signal)| (name.as_str(), *signal))
    }
}

impl Plan {
    fn is_connector(&self, name: &str) -> bool {
        self.connectors.iter().any(|connector| connector == name)
    }

    fn check(&self) -> Result<(), BadPlan> {
        let mut seen = std::collections::HashSet::new();
        for pipeline in &self.pipelines {
            if !seen.insert(&pipeline.name) {
                return Err(BadPlan::Twice(pipeline.name.clone()));
            }
            for (what, names) in [("receivers", &pipeline.receivers), ("exporters", &pipeline.exporters)] {
                if names.is_empty() {
                    return Err(BadPlan::Missing { pipeline: pipeline.name.clone(), what });
                }
            }
        }
        for connector in &self.connectors {
            let names = |list: fn(&PipelinePlan) -> &Vec<String>| {
                self.pipelines.iter().any(|p| list(p).contains(connector))
            };
            let (receives, exports) = (names(|p| &p.receivers), names(|p| &p.exporters));
            if receives != exports {
                let (used, unused) =
                    if exports { ("exporter", "receiver") } else { ("receiver", "exporter") };
                return Err(BadPlan::HalfConnector { connector: connector.clone(), used, unused });
            }
        }
        Ok(())
    }

    /// Pipelines in the order of building: whatever a connector feeds comes before the pipeline that ends in the connector.
    fn order(&self) -> Result<Vec<usize>, BadPlan> {
        let mut order = Vec::with_capacity(self.pipelines.len());
        let mut path = Vec::new();
        for place in 0..self.pipelines.len() {
            self.visit(place, &mut order, &mut path)?;
        }
        Ok(order)
    }

    fn visit(&self, place: usize, order: &mut Vec<usize>, path: &mut Vec<usize>) -> Result<(), BadPlan> {
        if order.contains(&place) {
            return Ok(());
        }
        if let Some(start) = path.iter().position(|on_path| *on_path == place) {
            let names = path[start..].iter().chain([&place]).map(|at| self.pipelines[*at].name.as_str());
            return Err(BadPlan::Cycle(names.collect::<Vec<_>>().join(" -> ")));
        }
        path.push(place);
        for exporter in self.pipelines[place].exporters.iter().filter(|name| self.is_connector(name)) {
            for (target, pipeline) in self.pipelines.iter().enumerate() {
                if pipeline.receivers.contains(exporter) {
                    self.visit(target, order, path)?;
                }
            }
        }
        path.pop();
        order.push(place);
        Ok(())
    }
}

struct Builder<'a> {
    plan: &'a Plan,
    parts: &'a mut dyn Parts,
    exporters: HashMap<(String, Signal), Sink>,
    /// First consumer of each pipeline that has been built.
    heads: BTreeMap<String, Sink>,
}

impl Builder<'_> {
    fn pipeline(&mut self, pipeline: &PipelinePlan) -> Result<(), BadPlan> {
        let mut ends = Vec::new();
        for name in &pipeline.exporters {
            if self.plan.is_connector(name) {
                ends.extend(self.connector(name, pipeline.signal)?);
            } else {
                ends.push(self.exporter(name, pipeline.signal)?);
            }
        }
        let mut head = FanOut::over(ends);
        for name in pipeline.processors.iter().rev() {
            let made = self.parts.processor(name, pipeline.signal, &pipeline.name, head);
            head = made.map_err(|reason| BadPlan::Component { component: name.clone(), reason })?;
        }
        self.heads.insert(pipeline.name.clone(), head);
        Ok(())
    }

    fn exporter(&mut self, name: &str, signal: Signal) -> Result<Sink, BadPlan> {
        let key = (name.to_owned(), signal);
        if let Some(made) = self.exporters.get(&key) {
            return Ok(made.clone());
        }
        let made = self
            .parts
            .exporter(name, signal)
            .map_err(|reason| BadPlan::Component { component: name.to_owned(), reason })?;
        self.exporters.insert(key, made.clone());
        Ok(made)
    }

    /// One sink for each signal that the connector turns `from` into.
    fn connector(&mut self, name: &str, from: Signal) -> Result<Vec<Sink>, BadPlan> {
        let mut by_signal: BTreeMap<Signal, Vec<Sink>> = BTreeMap::new();
        for target in self
            .plan
            .pipelines
            .iter()
            .filter(|target| target.receivers.iter().any(|receiver| receiver == name))
        {
            let head = self.heads.get(&target.name).expect("order() put fed pipelines first").clone();
            by_signal.entry(target.signal).or_default().push(head);
        }
        let mut made = Vec::new();
        for (to, heads) in by_signal {
            let sink = self.parts.connector(name, from, to, FanOut::over(heads));
            made.push(sink.map_err(|reason| BadPlan::Component { component: name.to_owned(), reason })?);
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests;
