//! One batch to several consumers. All must accept; the worst answer wins.
//!
//! A consumer that already took the batch takes it again when the client sends again: delivery is at least once past a fan-out, as in every
//! collector. The body is shared, not copied.

use async_trait::async_trait;
use futures_util::future::join_all;

use crate::batch::{Accepted, Batch, Consumer, Refused, Sink};

/// Sends each batch to every sink at once.
pub struct FanOut {
    sinks: Vec<Sink>,
}

impl FanOut {
    /// One sink needs no fan-out and gets none.
    pub fn over(mut sinks: Vec<Sink>) -> Sink {
        match sinks.len() {
            1 => sinks.remove(0),
            _ => std::sync::Arc::new(Self { sinks }),
        }
    }
}

#[async_trait]
impl Consumer for FanOut {
    async fn consume(&self, batch: Batch) -> Result<Accepted, Refused> {
        let answers = join_all(self.sinks.iter().map(|sink| sink.consume(batch.clone()))).await;
        let mut accepted = Accepted::default();
        let mut refused: Option<Refused> = None;
        for answer in answers {
            match answer {
                Ok(part) => accepted.merge(part),
                Err(error) => refused = Some(refused.map_or(error.clone(), |have| have.worse(error))),
            }
        }
        refused.map_or(Ok(accepted), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::batch::tests::{Fixed, batch};

    #[tokio::test]
    async fn the_worst_answer_wins() {
        let ok = |items, rejected, message: &str| {
            Fixed::sink(Ok(Accepted { items, rejected, message: message.into() }))
        };
        let bad = || Fixed::sink(Err(Refused::Bad("bad".into())));
        let later = || Fixed::sink(Err(Refused::Unavailable { reason: "full".into(), retry_after: None }));
        let both = FanOut::over(vec![ok(5, 0, ""), ok(3, 2, "too old")]);
        let merged = both.consume(batch(b"x")).await.unwrap();
        assert_eq!(merged, Accepted { items: 3, rejected: 2, message: "too old".into() });
        // Something that can be sent again must not be called bad because a sibling says so: the sibling will say so again.
        let mixed = FanOut::over(vec![bad(), ok(1, 0, ""), later()]);
        assert!(matches!(mixed.consume(batch(b"x")).await, Err(Refused::Unavailable { .. })));
        let single = ok(1, 0, "");
        assert!(Arc::ptr_eq(&single, &FanOut::over(vec![single.clone()])));
    }
}
