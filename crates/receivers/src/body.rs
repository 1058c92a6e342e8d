//! Reading a request body within bounds: bytes are counted as they arrive, and against the memory budget, so neither a false length nor
//! many slow clients can make the process grow.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use limits::{MemoryGuard, Reservation};

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("http: request body too large")]
    TooLarge { limit: usize },
    #[error("{0}")]
    Memory(#[from] limits::OverBudget),
    #[error("unexpected EOF: {0}")]
    Broken(String),
}

/// A body with the memory that it was granted; both go together.
pub struct Held {
    pub bytes: Bytes,
    pub reservations: Vec<Reservation>,
}

/// Memory is asked for in steps of this, not per frame.
const RESERVE_STEP: usize = 1 << 20;
/// Before the first byte is there, a length that the client only claims is trusted this far.
const TRUSTED_LEN: usize = 1 << 20;
/// Of a body that is refused, so much is read so that its sender can read the answer.
const DISCARD_BYTES_MAX: usize = 128 << 20;

/// Reads all of `body`, at most `limit` bytes. A body that comes in one frame is not copied.
pub async fn read<B>(mut body: B, limit: usize, guard: &Arc<MemoryGuard>) -> Result<Held, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let claimed = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if claimed > limit {
        discard(body).await;
        return Err(BodyError::TooLarge { limit });
    }
    let mut reservations = Vec::new();
    let mut granted = 0;
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        let len = first.as_ref().map_or(0, Bytes::len).max(rest.len()) + data.len();
        if len > limit {
            drop((first, rest, reservations));
            discard(body).await;
            return Err(BodyError::TooLarge { limit });
        }
        while granted < len {
            let step = RESERVE_STEP.min(limit - granted).max(len - granted);
            reservations.push(guard.reserve(step)?);
            granted += step;
        }
        if rest.is_empty() && first.is_none() {
            first = Some(data);
            continue;
        }
        if let Some(first) = first.take() {
            rest.reserve(claimed.min(TRUSTED_LEN).max(first.len() + data.len()));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
    }
    Ok(Held { bytes: first.unwrap_or_else(|| rest.freeze()), reservations })
}

/// Lets go of the rest of a body that is refused. A client that is still writing when the connection is closed sees a broken pipe and not the answer, so
/// bodies that are not absurdly too large are read to their end.
async fn discard<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = DISCARD_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let len = frame.data_ref().map_or(0, Bytes::len);
        if len >= left {
            return;
        }
        left -= len;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;

    use super::*;

    /// Frames that come one after the other.
    struct Frames(std::collections::VecDeque<Bytes>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
        }
    }

    async fn read_frames(frames: &[&'static [u8]], limit: usize, budget: usize) -> Result<Bytes, BodyError> {
        let guard = MemoryGuard::new(budget, Vec::new());
        let frames = Frames(frames.iter().map(|frame| Bytes::from_static(frame)).collect());
        let held = read(frames, limit, &guard).await.map(|held| held.bytes);
        assert_eq!(guard.in_flight_bytes(), 0);
        held
    }

    #[tokio::test]
    async fn bodies_are_joined_and_bounded() {
        assert_eq!(read_frames(&[], 4, 100).await.unwrap(), Bytes::new());
        assert_eq!(read_frames(&[b"abcd"], 4, 100).await.unwrap(), "abcd");
        assert_eq!(read_frames(&[b"a", b"", b"bc", b"d"], 4, 100).await.unwrap(), "abcd");
        assert!(matches!(read_frames(&[b"abc", b"de"], 4, 100).await, Err(BodyError::TooLarge { limit: 4 })));
    }

    #[tokio::test]
    async fn the_memory_budget_bounds_what_is_read_at_once() {
        let guard = MemoryGuard::new(10, Vec::new());
        let other = guard.reserve(8).unwrap();
        let frames = Frames([Bytes::from_static(b"abc")].into());
        assert!(matches!(read(frames, 100, &guard).await, Err(BodyError::Memory(_))));
        drop(other);
        assert_eq!(guard.in_flight_bytes(), 0);
    }
}
