//! `admin/tsdb/*`: what changes data. Refused unless `server.admin_api` is on.

use metrics::TimeRange;
use pipeline::Refused;

use super::{listings, selector};
use crate::answer::Answer;
use crate::doors::{Ask, Doors};
use crate::push::refusal_of;
use crate::refusal::{Kind, Refusal};

/// Hides what each selector finds; durable when it answers.
pub fn delete_series(doors: &Doors, ask: &Ask) -> Result<Answer, Refusal> {
    if !doors.admin_api {
        return Err(Refusal::new(Kind::Unavailable, "admin APIs disabled"));
    }
    let selectors: Vec<_> =
        ask.params.all("match[]").map(|text| selector::parse("match[]", text)).collect::<Result<_, _>>()?;
    if selectors.is_empty() {
        return Err(Refusal::bad("no match[] parameter provided"));
    }
    let range = TimeRange {
        from_ms: listings::time(ask, "start")?.unwrap_or(i64::MIN),
        to_ms: listings::time(ask, "end")?.unwrap_or(i64::MAX),
    };
    let runtime = tokio::runtime::Handle::current();
    for matchers in &selectors {
        let deleted = runtime.block_on(doors.stores.metrics.delete(&ask.tenant, matchers, range));
        deleted.map_err(|refused: Refused| refusal_of(&refused.into()))?;
    }
    Ok(Answer::no_content())
}
