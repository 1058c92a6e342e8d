//! The web pages at `/`: assets of `ui`, kept compressed, sent as they are to whoever takes gzip (every browser).

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, Request, header};
use model::Compression;

use crate::answer::{Accepts, Answer};

/// The fallback of the common port: a page or an asset, else 404.
pub async fn serve(request: Request<Body>) -> Response {
    let known = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path();
    match ui::asset(path).filter(|_| known) {
        Some(asset) => send(&asset, Accepts::of(request.headers())),
        None if known && path == "/" => Answer::text(ui::NOT_BUILT).into_response(Accepts::Plain),
        None => Answer::text("404 page not found\n").with_status(404).into_response(Accepts::Plain),
    }
}

fn send(asset: &ui::Asset, accepts: Accepts) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(asset.cache_control));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(ui::CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if accepts == Accepts::Plain {
        let mut plain = Vec::with_capacity(asset.plain_len);
        wire::compress::decompress(Compression::Gzip, asset.gzip, asset.plain_len, &mut plain)
            .expect("we compressed it ourselves");
        *response.body_mut() = Body::from(plain);
    } else {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *response.body_mut() = Body::from(asset.gzip);
    }
    response
}
