//! The `stats` object of a query's answer. Clients read fields of it without looking whether they are there, so all are.

use std::time::Duration;

use serde_json::{Value, json};

/// What a query did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueryStats {
    pub bytes: u64,
    pub lines: u64,
    pub elapsed: Duration,
}

/// Numbers that describe parts which Oriel does not have are zero.
pub fn object(stats: QueryStats) -> Value {
    let seconds = stats.elapsed.as_secs_f64();
    let rate = |count: u64| if seconds > 0.0 { (count as f64 / seconds) as u64 } else { 0 };
    json!({
        "summary": {
            "bytesProcessedPerSecond": rate(stats.bytes),
            "linesProcessedPerSecond": rate(stats.lines),
            "totalBytesProcessed": stats.bytes,
            "totalLinesProcessed": stats.lines,
            "execTime": seconds,
            "queueTime": 0,
            "subqueries": 0,
            "totalEntriesReturned": stats.lines,
            "splits": 0,
            "shards": 0,
            "totalPostFilterLines": stats.lines,
            "totalStructuredMetadataBytesProcessed": 0,
        },
        "querier": { "store": store() },
        "ingester": {
            "totalReached": 0,
            "totalChunksMatched": 0,
            "totalBatches": 0,
            "totalLinesSent": 0,
            "store": store(),
        },
        "cache": {
            "chunk": cache(),
            "index": cache(),
            "result": cache(),
            "statsResult": cache(),
            "volumeResult": cache(),
            "seriesResult": cache(),
            "labelResult": cache(),
            "instantMetricResult": cache(),
        },
        "index": { "totalChunks": 0, "postFilterChunks": 0, "shardsDuration": 0, "totalStreams": 0 },
    })
}

fn store() -> Value {
    json!({
        "totalChunksRef": 0,
        "totalChunksDownloaded": 0,
        "chunkRefsFetchTime": 0,
        "queryReferencedStructuredMetadata": false,
        "queryUsedV2Engine": false,
        "chunk": {
            "headChunkBytes": 0,
            "headChunkLines": 0,
            "headChunkStructuredMetadataBytes": 0,
            "decompressedBytes": 0,
            "decompressedLines": 0,
            "decompressedStructuredMetadataBytes": 0,
            "compressedBytes": 0,
            "totalDuplicates": 0,
            "postFilterLines": 0,
        },
        "dataobj": {
            "prePredicateDecompressedRows": 0,
            "prePredicateDecompressedBytes": 0,
            "prePredicateDecompressedStructuredMetadataBytes": 0,
            "postPredicateRows": 0,
            "postPredicateDecompressedBytes": 0,
            "postPredicateStructuredMetadataBytes": 0,
            "postFilterRows": 0,
            "pagesScanned": 0,
            "pagesDownloaded": 0,
            "pagesDownloadedBytes": 0,
            "pageBatches": 0,
            "totalRowsAvailable": 0,
            "totalPageDownloadTime": 0,
        },
        "chunksDownloadTime": 0,
        "congestionControlLatency": 0,
        "pipelineWrapperFilteredLines": 0,
    })
}

fn cache() -> Value {
    json!({
        "entriesFound": 0,
        "entriesRequested": 0,
        "entriesStored": 0,
        "bytesReceived": 0,
        "bytesSent": 0,
        "requests": 0,
        "downloadTime": 0,
        "queryLengthServed": 0,
    })
}
