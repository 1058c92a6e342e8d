//! What the processes' profilers saw: processor time by stack and span, and live heap by stack. Stacks fit the spans, because both come
//! from the same steps.

use std::collections::HashMap;

use model::{SpanId, TraceId};

use crate::incident::Trouble;
use crate::shop::{INSTANCES, Language, Service};

/// Outermost frame first.
pub type Stack = Vec<&'static str>;

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub stack: Stack,
    /// Nanoseconds or bytes.
    pub value: i64,
    pub trace: Option<(TraceId, SpanId)>,
}

/// Samples of one process between two uploads.
#[derive(Default)]
pub struct Profiler {
    cpu: HashMap<(usize, usize), Vec<(&'static str, &'static str, u64, (TraceId, SpanId))>>,
}

/// Samples kept a process between two uploads; the rest is counted on the last one's stack without a span.
const SAMPLES_MAX: usize = 4096;

impl Profiler {
    pub fn worked(
        &mut self,
        place: (usize, usize),
        handler: &'static str,
        function: &'static str,
        took_ns: u64,
        trace: (TraceId, SpanId),
    ) {
        let samples = self.cpu.entry(place).or_default();
        if samples.len() < SAMPLES_MAX {
            samples.push((handler, function, took_ns, trace));
        }
    }

    /// The processor profile since the last call: some of a function's time is spent further down.
    pub fn take_cpu(&mut self, place: (usize, usize), services: &[Service]) -> Vec<Sample> {
        let mut taken = self.cpu.remove(&place).unwrap_or_default();
        taken.sort_by_key(|(handler, function, _, trace)| (*handler, *function, *trace));
        let base = outer_frames(services[place.0].language);
        let mut samples = Vec::with_capacity(taken.len() * 3);
        for (handler, function, took_ns, trace) in taken {
            let stack = [base, &[handler, function]].concat();
            let took = took_ns as i64;
            let inner = inner_frames(function, services[place.0].language);
            let deeper = |leaf| [stack.as_slice(), &[leaf]].concat();
            samples.push(Sample { stack: stack.clone(), value: took * 5 / 10, trace: Some(trace) });
            samples.push(Sample { stack: deeper(inner[0]), value: took * 3 / 10, trace: Some(trace) });
            samples.push(Sample { stack: deeper(inner[1]), value: took * 2 / 10, trace: Some(trace) });
        }
        samples
    }

    /// Live heap by who allocated it.
    pub fn heap(place: (usize, usize), services: &[Service], trouble: &Trouble, now_ns: u64) -> Vec<Sample> {
        let service = &services[place.0];
        let base = outer_frames(service.language);
        let (heap, _) = trouble.heap(&service.name, place.1 % INSTANCES, now_ns);
        let (usual, _) = Trouble { start_ns: u64::MAX, ..*trouble }.heap(&service.name, place.1, 0);
        let mut samples = Vec::new();
        for (place, endpoint) in service.endpoints.iter().enumerate() {
            let value = (usual / (service.endpoints.len() + 1) as f64 * (1.0 + place as f64 * 0.1)) as i64;
            samples.push(Sample {
                stack: [base, &[endpoint.handler, "decode"]].concat(),
                value,
                trace: None,
            });
        }
        if heap > usual {
            let stack = [
                base,
                &[
                    "recommendations.app.recommend",
                    "recommendations.model.embed",
                    "recommendations.model.EmbeddingCache.put",
                ],
            ]
            .concat();
            samples.push(Sample { stack, value: (heap - usual) as i64, trace: None });
        }
        samples
    }
}

fn outer_frames(language: Language) -> &'static [&'static str] {
    match language {
        Language::Node => &["node:internal/main", "processTicksAndRejections", "Layer.handleRequest"],
        Language::Go => &["runtime.goexit", "net/http.(*conn).serve", "net/http.(*ServeMux).ServeHTTP"],
        Language::Java => &[
            "java.lang.Thread.run",
            "org.apache.tomcat.util.threads.ThreadPoolExecutor$Worker.run",
            "org.springframework.web.servlet.DispatcherServlet.doDispatch",
        ],
        Language::Python => {
            &["gunicorn.workers.sync.run", "flask.app.wsgi_app", "flask.app.dispatch_request"]
        }
        Language::Rust => &["std::rt::lang_start", "tokio::runtime::task::raw::poll", "worker::consume::run"],
    }
}

/// Where the rest of a function's time goes.
fn inner_frames(function: &'static str, language: Language) -> [&'static str; 2] {
    match (function, language) {
        ("worker::invoice::render_pdf", _) => ["worker::invoice::layout_table", "flate2::deflate"],
        ("recommendations.model.nearest_neighbours", _) => ["numpy.dot", "heapq.nlargest"],
        ("catalog.search.rank", _) => ["catalog.search.bm25", "list.sort"],
        ("com.shop.payments.RiskModel.score", _) => {
            ["ai.onnxruntime.OrtSession.run", "java.util.HashMap.get"]
        }
        (_, Language::Node) => ["JSON.parse", "GarbageCollector"],
        (_, Language::Go) => ["encoding/json.Unmarshal", "runtime.mallocgc"],
        (_, Language::Java) => {
            ["com.fasterxml.jackson.databind.ObjectMapper.readValue", "java.util.regex.Pattern.matcher"]
        }
        (_, Language::Python) => ["json.dumps", "sqlalchemy.orm.loading.instances"],
        (_, Language::Rust) => ["serde_json::from_slice", "alloc::vec::Vec::extend"],
    }
}
