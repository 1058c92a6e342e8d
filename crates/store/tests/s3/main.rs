//! The bucket client against an S3 server in this process, over loopback, with the faults that real ones have.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod server;

use std::sync::Arc;

use bytes::Bytes;
use ports::sim::SeededRng;
use ports::{PutOutcome, Store, StoreError};
use server::{Fault, Server};
use store::object::{CloudStore, block_on, probe};
use tokio::runtime::Runtime;

struct Bench {
    server: Server,
    store: CloudStore,
    _runtime: Runtime,
}

fn bench(folder: &str) -> Bench {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start());
    let options = [
        ("endpoint", server.url()),
        ("region", "us-east-1".to_owned()),
        ("access_key_id", "key".to_owned()),
        ("secret_access_key", "secret".to_owned()),
        ("allow_http", "true".to_owned()),
    ];
    let options: Vec<_> = options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let store =
        CloudStore::open(&format!("s3://bucket{folder}"), &options, runtime.handle().clone()).unwrap();
    Bench { server, store, _runtime: runtime }
}

fn put(store: &dyn Store, key: &str, bytes: &'static [u8]) -> Result<PutOutcome, StoreError> {
    block_on(store.put_new(key, Bytes::from_static(bytes)))
}

#[test]
fn a_bucket_keeps_the_contract() {
    for folder in ["", "/deep/folder"] {
        let bench = bench(folder);
        let store: &dyn Store = &bench.store;
        probe(store, &SeededRng::new(1)).unwrap();
        assert_eq!(put(store, "a/b/1", b"one").unwrap(), PutOutcome::Created);
        assert_eq!(put(store, "a/b/1", b"two").unwrap(), PutOutcome::Exists);
        assert_eq!(block_on(store.get("a/b/1")).unwrap(), "one");
        assert_eq!(block_on(store.get_range("a/b/1", 1..3)).unwrap(), "ne");
        assert_eq!(block_on(store.len("a/b/1")).unwrap(), 3);
        assert!(matches!(block_on(store.get("a/b/2")), Err(StoreError::NotFound(_))));
        for key in ["a/b.x", "a/b/2", "a/c/1", "b/1"] {
            put(store, key, b"x").unwrap();
        }
        assert_eq!(block_on(store.list("a/", "")).unwrap(), ["a/b.x", "a/b/1", "a/b/2", "a/c/1"]);
        assert_eq!(block_on(store.list("a/b/", "a/b/1")).unwrap(), ["a/b/2"]);
        assert_eq!(block_on(store.list("nothing/here/", "")).unwrap(), Vec::<String>::new());
        block_on(store.delete("a/b/1")).unwrap();
        block_on(store.delete("a/b/1")).unwrap();
        assert_eq!(put(store, "a/b/1", b"again").unwrap(), PutOutcome::Created);
        assert!(bench.server.keys().iter().all(|key| key.starts_with(folder.trim_start_matches('/'))));
    }
}

#[test]
fn faults_are_ridden_out_or_told() {
    let bench = bench("");
    let store: &dyn Store = &bench.store;
    bench.server.suffer(Fault::Busy);
    assert_eq!(put(store, "a/1", b"one").unwrap(), PutOutcome::Created);
    // It took effect and nobody said so: never a second object, never an unnoticed loss.
    bench.server.suffer(Fault::LostAnswer);
    match put(store, "a/2", b"two") {
        Ok(_) | Err(StoreError::Unavailable { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(put(store, "a/2", b"other").unwrap(), PutOutcome::Exists);
    assert_eq!(block_on(store.get("a/2")).unwrap(), "two");
    // An answer cut short is an error or the whole, never a part.
    for _ in 0..3 {
        bench.server.suffer(Fault::CutShort);
        match block_on(store.get("a/1")) {
            Ok(bytes) => assert_eq!(bytes, "one"),
            Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error}"),
        }
    }
}

#[test]
fn a_store_without_conditional_put_is_refused() {
    let bench = bench("");
    bench.server.ignore_conditions();
    let error = probe(&bench.store, &SeededRng::new(1)).unwrap_err();
    assert!(error.to_string().contains("no conditional put"), "{error}");
}

#[test]
fn bad_urls_and_options_are_named() {
    let bench = bench("");
    let open = |url: &str, name: &str| {
        let options = vec![(name.to_owned(), "x".to_owned())];
        CloudStore::open(url, &options, bench._runtime.handle().clone()).err().unwrap().to_string()
    };
    assert!(open("ftp://bucket", "region").contains("unknown kind of bucket \"ftp\""));
    assert!(open("s3://bucket", "regoin").contains("regoin"));
}

/// The whole spine on a bucket: commits race, blocks are read by range.
#[test]
fn a_catalog_lives_in_a_bucket() {
    use store::catalog::{Catalog, CatalogError, CatalogState};
    let bench = bench("/oriel");
    let runtime = &bench._runtime;
    let store = Arc::new(bench.store);
    let open = |seed| Catalog::open(store.clone(), Arc::new(SeededRng::new(seed)), model::Signal::Logs, 0);
    let (mut one, mut two) = (open(1).unwrap(), open(2).unwrap());
    let state = |next_offset| CatalogState { next_offset, ..CatalogState::default() };
    one.commit(state(10)).unwrap();
    bench.server.suffer(Fault::LostAnswer);
    one.commit(state(11)).unwrap();
    assert!(matches!(two.commit(state(12)), Err(CatalogError::Fenced { .. })));
    assert_eq!(open(3).unwrap().state().next_offset, 11);
    let _ = runtime;
}
