//! A bucket in memory behind a real S3 protocol server; its map has one lock, so conditional puts are atomic.

#![expect(clippy::unwrap_used, reason = "a helper of tests")]

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::TryStreamExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio::net::TcpListener;

/// What the next request suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503 SlowDown; nothing happened.
    Busy,
    /// It took effect; the connection closes without an answer.
    LostAnswer,
    /// The body of the answer stops half-way.
    CutShort,
}

#[derive(Default)]
struct State {
    objects: Mutex<BTreeMap<String, Bytes>>,
    faults: Mutex<VecDeque<Fault>>,
    ignore_conditions: AtomicBool,
}

#[derive(Clone)]
struct Backend(Arc<State>);

pub struct Server {
    state: Arc<State>,
    address: SocketAddr,
}

impl Server {
    pub async fn start() -> Self {
        let state = Arc::new(State::default());
        let mut builder = S3ServiceBuilder::new(Backend(state.clone()));
        builder.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (service, state) = (service.clone(), shared.clone());
                tokio::spawn(async move {
                    let answer = service_fn(move |request| answer(service.clone(), state.clone(), request));
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Self { state, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn suffer(&self, fault: Fault) {
        self.state.faults.lock().unwrap().push_back(fault);
    }

    /// As a store that does not know `If-None-Match`.
    pub fn ignore_conditions(&self) {
        self.state.ignore_conditions.store(true, Ordering::SeqCst);
    }

    pub fn keys(&self) -> Vec<String> {
        self.state.objects.lock().unwrap().keys().cloned().collect()
    }
}

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>;

fn body(parts: Vec<Result<Bytes, std::io::Error>>) -> Body {
    use http_body_util::BodyExt;
    let frames = parts.into_iter().map(|part| part.map(hyper::body::Frame::data));
    http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

/// An error closes the connection.
async fn answer(
    service: S3Service,
    state: Arc<State>,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<hyper::Response<Body>, std::io::Error> {
    use http_body_util::BodyExt;
    let fault = state.faults.lock().unwrap().pop_front();
    if fault == Some(Fault::Busy) {
        let text = "<Error><Code>SlowDown</Code><Message>slow down</Message></Error>";
        return Ok(hyper::Response::builder().status(503).body(body(vec![Ok(text.into())])).unwrap());
    }
    let answered = service.call(request.map(s3s::Body::from)).await.map_err(std::io::Error::other)?;
    let (head, rest) = answered.into_parts();
    let whole = rest.collect().await.map_err(std::io::Error::other)?.to_bytes();
    match fault {
        Some(Fault::LostAnswer) => Err(std::io::Error::other("the answer is lost")),
        Some(Fault::CutShort) => {
            let half = whole.slice(..whole.len() / 2);
            let parts = vec![Ok(half), Err(std::io::Error::other("cut short"))];
            Ok(hyper::Response::from_parts(head, body(parts)))
        }
        _ => Ok(hyper::Response::from_parts(head, body(vec![Ok(whole)]))),
    }
}

fn stream(bytes: Bytes) -> StreamingBlob {
    StreamingBlob::wrap(futures_util::stream::iter([Ok::<_, Infallible>(bytes)]))
}

fn etag(bytes: &Bytes) -> ETag {
    ETag::Strong(format!("{:08x}", crc32c::crc32c(bytes)))
}

#[async_trait::async_trait]
impl S3 for Backend {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let mut bytes = Vec::new();
        if let Some(mut body) = input.body {
            while let Some(part) = body.try_next().await.map_err(|_| s3_error!(IncompleteBody))? {
                bytes.extend_from_slice(&part);
            }
        }
        let bytes = Bytes::from(bytes);
        let mut objects = self.0.objects.lock().unwrap();
        let conditional = input.if_none_match.is_some() && !self.0.ignore_conditions.load(Ordering::SeqCst);
        if conditional && objects.contains_key(&input.key) {
            return Err(s3_error!(PreconditionFailed));
        }
        let output = PutObjectOutput { e_tag: Some(etag(&bytes)), ..PutObjectOutput::default() };
        objects.insert(input.key, bytes);
        Ok(S3Response::new(output))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let bytes = self.0.objects.lock().unwrap().get(&input.key).cloned().ok_or(s3_error!(NoSuchKey))?;
        let len = bytes.len() as u64;
        let range = match &input.range {
            Some(range) => Some(range.check(len).map_err(|_| s3_error!(InvalidRange))?),
            None => None,
        };
        let part = range
            .clone()
            .map_or(bytes.clone(), |range| bytes.slice(range.start as usize..range.end as usize));
        let output = GetObjectOutput {
            content_length: Some(part.len() as i64),
            content_range: range.map(|range| format!("bytes {}-{}/{len}", range.start, range.end - 1)),
            e_tag: Some(etag(&bytes)),
            last_modified: Some(std::time::UNIX_EPOCH.into()),
            body: Some(stream(part)),
            ..GetObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let objects = self.0.objects.lock().unwrap();
        let bytes = objects.get(&request.input.key).ok_or(s3_error!(NoSuchKey))?;
        let output = HeadObjectOutput {
            content_length: Some(bytes.len() as i64),
            e_tag: Some(etag(bytes)),
            last_modified: Some(std::time::UNIX_EPOCH.into()),
            ..HeadObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.0.objects.lock().unwrap().remove(&request.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let mut objects = self.0.objects.lock().unwrap();
        let mut deleted = Vec::new();
        for object in request.input.delete.objects {
            objects.remove(&object.key);
            deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() });
        }
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..DeleteObjectsOutput::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        /// Small, so that paging happens.
        const PAGE: usize = 2;
        let input = request.input;
        let prefix = input.prefix.unwrap_or_default();
        let after = input.continuation_token.or(input.start_after).unwrap_or_default();
        let objects = self.0.objects.lock().unwrap();
        let mut found = objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
        let contents: Vec<Object> = found
            .by_ref()
            .take(PAGE)
            .map(|(key, bytes)| Object {
                key: Some(key.clone()),
                size: Some(bytes.len() as i64),
                e_tag: Some(etag(bytes)),
                last_modified: Some(std::time::UNIX_EPOCH.into()),
                ..Object::default()
            })
            .collect();
        let more = found.next().is_some();
        let output = ListObjectsV2Output {
            is_truncated: Some(more),
            next_continuation_token: more
                .then(|| contents.last().and_then(|object| object.key.clone()))
                .flatten(),
            key_count: Some(contents.len() as i32),
            contents: Some(contents),
            ..ListObjectsV2Output::default()
        };
        Ok(S3Response::new(output))
    }
}
