//! Objects in a bucket: S3 (and what speaks like it), Google Cloud Storage, Azure Blob Storage, through the `object_store` crate.
//!
//! The client runs on the runtime that is handed in, so that threads without one may wait for it. It repeats requests by itself for a
//! while; a create-if-absent that it repeats may then be told "exists" about its own object, which is why callers look objects up by nonce
//! or content. What the bucket must be able to do is probed at start-up with [`probe`](super::probe).

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
};
use ports::{PutOutcome, Store, StoreError};
use tokio::runtime::Handle;

/// Most keys that one `list` gives.
const PAGE: usize = 1000;
/// The client repeats a request for no longer than this before the caller hears of it.
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);
/// One request may take this long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A bucket, or a folder in one.
pub struct CloudStore {
    client: Arc<dyn ObjectStore>,
    folder: String,
    runtime: Handle,
}

impl CloudStore {
    /// Opens `s3://bucket/folder`, `gs://bucket/folder` or `az://container/folder` (and the providers' https forms). `options` are named as
    /// by the `object_store` crate: `region`, `endpoint`, `access_key_id`, `allow_http`, ... No request is sent yet.
    pub fn open(url: &str, options: &[(String, String)], runtime: Handle) -> Result<Self, StoreError> {
        // The crate's own choice of cryptography would need a C library; a provider chosen earlier stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let refused = |error: Error| StoreError::Refused { key: url.to_owned(), reason: error.to_string() };
        let scheme = url.split("://").next().unwrap_or_default();
        let client = match scheme {
            "s3" | "s3a" => s3(url, options),
            "gs" => gcs(url, options),
            "az" | "azure" | "abfs" | "abfss" => azure(url, options),
            _ => {
                let reason = format!("unknown kind of bucket {scheme:?}: use s3://, gs:// or az://");
                return Err(StoreError::Refused { key: url.to_owned(), reason });
            }
        };
        let folder = url.splitn(4, '/').nth(3).unwrap_or_default().trim_matches('/').to_owned();
        Ok(Self { client: client.map_err(refused)?, folder, runtime })
    }

    fn path(&self, key: &str) -> Result<Path, StoreError> {
        let whole = if self.folder.is_empty() { key.to_owned() } else { format!("{}/{key}", self.folder) };
        Path::parse(&whole)
            .map_err(|error| StoreError::Refused { key: key.to_owned(), reason: error.to_string() })
    }

    /// Runs a request on the client's runtime.
    async fn run<T: Send + 'static>(
        &self,
        key: &str,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = self.runtime.spawn(request).await;
        let unavailable = |reason: String| StoreError::Unavailable { key: key.to_owned(), reason };
        answer.map_err(|error| unavailable(error.to_string()))?.map_err(|error| store_error(key, error))
    }
}

fn retry() -> RetryConfig {
    RetryConfig { retry_timeout: RETRY_TIMEOUT, max_retries: 5, backoff: BackoffConfig::default() }
}

fn client_options() -> ClientOptions {
    ClientOptions::new().with_timeout(REQUEST_TIMEOUT)
}

fn s3(url: &str, options: &[(String, String)]) -> Result<Arc<dyn ObjectStore>, Error> {
    let builder = object_store::aws::AmazonS3Builder::from_env()
        .with_client_options(client_options())
        .with_retry(retry())
        .with_url(url);
    let builder = options.iter().try_fold(builder, |builder, (name, value)| {
        Ok::<_, Error>(builder.with_config(name.to_ascii_lowercase().parse()?, value))
    })?;
    Ok(Arc::new(builder.build()?))
}

fn gcs(url: &str, options: &[(String, String)]) -> Result<Arc<dyn ObjectStore>, Error> {
    let builder = object_store::gcp::GoogleCloudStorageBuilder::from_env()
        .with_client_options(client_options())
        .with_retry(retry())
        .with_url(url);
    let builder = options.iter().try_fold(builder, |builder, (name, value)| {
        Ok::<_, Error>(builder.with_config(name.to_ascii_lowercase().parse()?, value))
    })?;
    Ok(Arc::new(builder.build()?))
}

fn azure(url: &str, options: &[(String, String)]) -> Result<Arc<dyn ObjectStore>, Error> {
    let builder = object_store::azure::MicrosoftAzureBuilder::from_env()
        .with_client_options(client_options())
        .with_retry(retry())
        .with_url(url);
    let builder = options.iter().try_fold(builder, |builder, (name, value)| {
        Ok::<_, Error>(builder.with_config(name.to_ascii_lowercase().parse()?, value))
    })?;
    Ok(Arc::new(builder.build()?))
}

fn store_error(key: &str, error: Error) -> StoreError {
    let (key, reason) = (key.to_owned(), error.to_string());
    match error {
        Error::NotFound { .. } => StoreError::NotFound(key),
        Error::Generic { .. } | Error::JoinError { .. } => StoreError::Unavailable { key, reason },
        _ => StoreError::Refused { key, reason },
    }
}

#[async_trait]
impl Store for CloudStore {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, StoreError> {
        let (client, path) = (self.client.clone(), self.path(key)?);
        let request = async move {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            match client.put_opts(&path, bytes.into(), options).await {
                Ok(_) => Ok(PutOutcome::Created),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(PutOutcome::Exists),
                Err(error) => Err(error),
            }
        };
        self.run(key, request).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let (client, path) = (self.client.clone(), self.path(key)?);
        self.run(key, async move { client.get(&path).await?.bytes().await }).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let (client, path) = (self.client.clone(), self.path(key)?);
        self.run(key, async move { client.get_range(&path, range).await }).await
    }

    async fn len(&self, key: &str) -> Result<u64, StoreError> {
        let (client, path) = (self.client.clone(), self.path(key)?);
        self.run(key, async move { Ok(client.head(&path).await?.size) }).await
    }

    async fn list(&self, prefix: &str, after: &str) -> Result<Vec<String>, StoreError> {
        // The client's prefixes are whole folders: ask for the folder, keep what begins as asked.
        let dir = prefix.rfind('/').map_or("", |slash| &prefix[..slash]);
        let folder = match (self.folder.as_str(), dir) {
            ("", "") => None,
            (_, "") => Some(Path::from(self.folder.as_str())),
            _ => Some(self.path(dir)?),
        };
        let strip = if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) };
        let offset = Path::from(format!("{strip}{after}"));
        let (client, prefix, after) = (self.client.clone(), prefix.to_owned(), after.to_owned());
        let named = prefix.clone();
        let request = async move {
            let mut listed = if after.is_empty() {
                client.list(folder.as_ref())
            } else {
                client.list_with_offset(folder.as_ref(), &offset)
            };
            let mut keys = Vec::new();
            while let Some(object) = listed.next().await {
                let object = object?;
                let Some(key) = object.location.as_ref().strip_prefix(strip.as_str()) else { continue };
                if key.starts_with(&prefix) && key > after.as_str() {
                    keys.push(key.to_owned());
                    // All three providers list in order, so the first page is the right one.
                    if keys.len() == PAGE {
                        break;
                    }
                }
            }
            keys.sort_unstable();
            Ok(keys)
        };
        self.run(&named, request).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let (client, path) = (self.client.clone(), self.path(key)?);
        let request = async move {
            match client.delete(&path).await {
                Err(Error::NotFound { .. }) => Ok(()),
                answer => answer,
            }
        };
        self.run(key, request).await
    }
}
