//! `querier.v1.QuerierService`: what Grafana's Pyroscope data source asks. Connect unary calls, protobuf or JSON by content type.
//!
//! Messages are described by tables, as OTLP's are; JSON becomes protobuf on the way in and protobuf becomes JSON on the way out, so that each
//! method is written once. Times are milliseconds.

mod messages;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{Request, header};
use limits::QueryBudget;
use model::TenantId;
use profiles::{ProfileQuery, SeriesQuery};
use receivers::body;
use wire::proto::Writer;

use super::connect;
use super::flamebearer::Flamebearer;
use super::key::Selector;
use crate::answer::{Accepts, Answer};
use crate::doors::{Doors, tenant};
use crate::push::body_refusal;
use crate::refusal::{Kind, Refusal};
use messages::{Fields, METHODS, Method};

/// A question is short.
const REQUEST_BYTES_MAX: usize = 1 << 20;
const NODES_DEFAULT: usize = 8192;
const NODES_MAX: usize = 65_536;

/// What a method is asked.
struct Call<'a> {
    doors: &'a Doors,
    tenant: TenantId,
    budget: &'a QueryBudget,
    fields: Fields<'a>,
}

pub async fn call(
    State(doors): State<Arc<Doors>>,
    Path(method): Path<String>,
    request: Request<Body>,
) -> Response {
    let accept = Accepts::of(request.headers());
    let answered = answer(doors, &method, request).await;
    answered.unwrap_or_else(|refusal| connect::refuse(&refusal)).into_response(accept)
}

async fn answer(doors: Arc<Doors>, method: &str, request: Request<Body>) -> Result<Answer, Refusal> {
    let (head, body) = request.into_parts();
    let tenant = tenant(&doors, &head.headers)?;
    let unknown =
        || Refusal::new(Kind::NotFound, format!("unknown method {method} of querier.v1.QuerierService"));
    let method = METHODS.iter().find(|known| known.name == method).ok_or_else(unknown)?;
    let content_type =
        head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = match content_type.split(';').next().unwrap_or_default().trim() {
        "application/json" => true,
        "application/proto" => false,
        other => {
            return Err(Refusal::new(
                Kind::Unsupported,
                format!("content type {other:?} is not application/proto or application/json"),
            ));
        }
    };
    let held = body::read(body, REQUEST_BYTES_MAX, doors.intake.guard())
        .await
        .map_err(|error| body_refusal(&error))?;
    let encoding =
        head.headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let compression = wire::compress::http_compression(encoding)
        .ok_or_else(|| Refusal::new(Kind::Unsupported, format!("unknown compression {encoding:?}")))?;
    let owner = doors.clone();
    let work = move |budget: &QueryBudget| {
        let mut plain = Vec::new();
        wire::compress::decompress(compression, &held.bytes, REQUEST_BYTES_MAX, &mut plain)
            .map_err(|error| Refusal::bad(error.to_string()))?;
        let request = messages::request(method, is_json, &plain)?;
        let call = Call { doors: &doors, tenant, budget, fields: Fields::of(&request) };
        let mut out = Vec::new();
        run(method, &call, &mut Writer::new(&mut out))?;
        messages::response(method, is_json, out)
    };
    owner.queries.run(None, work).await
}

fn run(method: &Method, call: &Call<'_>, out: &mut Writer<'_>) -> Result<(), Refusal> {
    match method.name {
        "ProfileTypes" => profile_types(call, out),
        "LabelNames" => label_names(call, out),
        "LabelValues" => label_values(call, out),
        "SelectMergeStacktraces" => stacktraces(call, out),
        "SelectSeries" => series(call, out),
        _ => merged(call, out),
    }
}

impl Call<'_> {
    fn ns(&self, number: u32) -> i64 {
        self.fields.int(number).saturating_mul(1_000_000)
    }

    /// Series of all selectors in field `matchers`, between the times in two others.
    fn series_query(&self, matchers: Option<u32>, start: u32, end: u32) -> Result<SeriesQuery, Refusal> {
        let mut query = SeriesQuery::new(self.tenant.clone(), Vec::new(), self.ns(start), self.ns(end));
        let texts = matchers.map(|number| self.fields.texts(number)).unwrap_or_default();
        let selectors = texts.iter().filter(|text| !matches!(text.as_str(), "" | "{}"));
        let parse =
            |text: &String| promql::parse_selector(text).map_err(|error| Refusal::bad(error.to_string()));
        query.matcher_sets = selectors.map(parse).collect::<Result<_, _>>()?;
        query.budget = self.budget.clone();
        Ok(query)
    }

    /// The profiles of fields 1 to 4: type, selector, start, end.
    fn profile_query(&self) -> Result<ProfileQuery, Refusal> {
        let selector = Selector::parse(&format!("{}{}", self.fields.text(1), self.fields.text(2)))?;
        let (from_ns, to_ns) = (self.ns(3), self.ns(4));
        if from_ns >= to_ns {
            return Err(Refusal::bad("start must be before end"));
        }
        let mut query = ProfileQuery::new(self.tenant.clone(), selector.matchers, from_ns, to_ns);
        query.budget = self.budget.clone();
        Ok(query)
    }
}

fn profile_types(call: &Call<'_>, out: &mut Writer<'_>) -> Result<(), Refusal> {
    for kind in call.doors.stores.profiles.profile_types(&call.series_query(None, 1, 2)?)? {
        out.message(1, |message| {
            message.string(1, &kind.to_string());
            message.string(2, &kind.name);
            message.string(4, &kind.sample_type);
            message.string(5, &kind.sample_unit);
            message.string(6, &kind.period_type);
            message.string(7, &kind.period_unit);
        });
    }
    Ok(())
}

fn label_names(call: &Call<'_>, out: &mut Writer<'_>) -> Result<(), Refusal> {
    let names = call.doors.stores.profiles.label_names(&call.series_query(Some(1), 2, 3)?)?;
    names.iter().for_each(|name| out.string(1, name));
    Ok(())
}

fn label_values(call: &Call<'_>, out: &mut Writer<'_>) -> Result<(), Refusal> {
    let name = call.fields.text(1);
    if name.is_empty() {
        return Err(Refusal::bad("name is required"));
    }
    let values = call.doors.stores.profiles.label_values(&call.series_query(Some(2), 3, 4)?, &name)?;
    values.iter().for_each(|value| out.string(1, value));
    Ok(())
}

fn stacktraces(call: &Call<'_>, out: &mut Writer<'_>) -> Result<(), Refusal> {
    let asked = usize::try_from(call.fields.int(5)).unwrap_or(0);
    let nodes = if asked == 0 { NODES_DEFAULT } else { asked.min(NODES_MAX) };
    let tree = call.doors.stores.profiles.merged(&call.profile_query()?)?.truncate(nodes);
    let flame = Flamebearer::of(&tree);
    out.message(1, |graph| {
        // The empty name would be left out, and all behind it would move.
        flame.names.iter().for_each(|name| graph.always_bytes(1, name.as_bytes()));
        for level in &flame.levels {
            graph.message(2, |message| message.packed_varint(1, level.iter().map(|value| *value as u64)));
        }
        graph.int(3, flame.total);
        graph.int(4, flame.own_max);
    });
    Ok(())
}

fn series(call: &Call<'_>, out: &mut Writer<'_>) -> Result<(), Refusal> {
    let step_ns = (call.fields.double(6) * 1e9) as i64;
    if step_ns <= 0 {
        return Err(Refusal::bad("step must be more than 0"));
    }
    let query = call.profile_query()?;
    let groups = call.doors.stores.profiles.series_totals(&query, step_ns, &call.fields.texts(5))?;
    for group in groups {
        out.message(1, |series| {
            for (name, value) in group.labels.iter() {
                series.message(1, |pair| {
                    pair.string(1, name);
                    pair.string(2, value);
                });
            }
            for (at_ns, value) in &group.points {
                series.message(2, |point| {
                    point.double(1, *value as f64);
                    point.int(2, at_ns / 1_000_000);
                });
            }
        });
    }
    Ok(())
}

/// `google.v1.Profile` has pprof's own field numbers.
fn merged(call: &Call<'_>, out: &mut Writer<'_>) -> Result<(), Refusal> {
    let profile = call.doors.stores.profiles.merged_pprof(&call.profile_query()?)?;
    out.raw(&profile.encode());
    Ok(())
}
