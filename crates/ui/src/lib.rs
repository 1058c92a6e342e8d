//! The web application, embedded: built from `web/` by `build.rs`, kept gzip-compressed in the binary, served by `api`.
//!
//! Knows nothing but its assets: what they are called, what type they have, how long a browser may keep them.

/// A file of the web application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Compressed; every browser takes gzip, and so does the one page for those without.
    pub gzip: &'static [u8],
    pub plain_len: usize,
    pub content_type: &'static str,
    pub cache_control: &'static str,
}

/// What pages may load and do: only what this server sends; nothing from telemetry runs or frames.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

static ASSETS: &[(&str, usize, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Paths of the application's own pages: they are all the same document, which reads its path itself.
const PAGES: &[&str] =
    &["/", "/service", "/metrics-explorer", "/logs", "/traces", "/trace", "/map", "/profiles", "/status"];

/// The file at `path`, or the document for one of the pages. `None`: not ours.
pub fn asset(path: &str) -> Option<Asset> {
    let name = if PAGES.contains(&path) { "index.html" } else { path.strip_prefix('/')? };
    let (name, plain_len, gzip) = ASSETS.iter().find(|(have, ..)| *have == name)?;
    // Names under assets/ carry a hash of their contents.
    let hashed = name.starts_with("assets/");
    let cache_control = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    Some(Asset { gzip, plain_len: *plain_len, content_type: content_type(name), cache_control })
}

/// Whether this binary was built with the web pages.
pub fn is_built() -> bool {
    !ASSETS.is_empty()
}

/// What to say at `/` when it was not.
pub const NOT_BUILT: &str = "This oriel was built without its web pages. Build with the default features to have them; every API works.\n";

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_the_document_and_assets_may_be_kept_for_ever() {
        if !is_built() {
            assert_eq!(asset("/"), None);
            return;
        }
        let document = asset("/").unwrap();
        assert!(PAGES.iter().all(|page| asset(page) == Some(document)));
        assert_eq!(document.cache_control, "no-cache");
        let script = ASSETS.iter().find(|(name, ..)| name.ends_with(".js")).unwrap().0;
        let script = asset(&format!("/{script}")).unwrap();
        assert!(
            script.cache_control.contains("immutable") && script.content_type.starts_with("text/javascript")
        );
        assert_eq!((asset("/api/v1/query"), asset("/../Cargo.toml")), (None, None));
    }
}
