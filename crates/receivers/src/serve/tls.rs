//! TLS for a listener: certificate and key in PEM, versions 1.2 and 1.3, client certificates if a certificate authority for them is named.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A client that does not finish its handshake by then is dropped.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Contents of the files that configuration names, not their paths: reading files is the caller's.
#[derive(Clone, Debug, Default)]
pub struct TlsMaterial {
    pub certificate_pem: Vec<u8>,
    pub key_pem: Vec<u8>,
    /// Clients must show a certificate signed by one of these.
    pub client_ca_pem: Option<Vec<u8>>,
}

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    #[error("{what} is no PEM with what it should hold: {reason}")]
    Pem { what: &'static str, reason: String },
    #[error("certificate and key do not go together: {0}")]
    Pair(String),
}

/// Ready to accept. Clones share the certificate, so that a new one reaches every listener.
#[derive(Clone)]
pub struct Tls(Arc<ArcSwap<rustls::ServerConfig>>);

impl Tls {
    pub fn new(material: &TlsMaterial) -> Result<Self, BadTls> {
        let certificates = certificates("certificate", &material.certificate_pem)?;
        let key = PrivateKeyDer::from_pem_slice(&material.key_pem)
            .map_err(|error| BadTls::Pem { what: "key", reason: error.to_string() })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| BadTls::Pair(error.to_string()))?;
        let builder = match &material.client_ca_pem {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(self::certificates("client certificate authority", pem)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| BadTls::Pem {
                        what: "client certificate authority",
                        reason: error.to_string(),
                    })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config =
            builder.with_single_cert(certificates, key).map_err(|error| BadTls::Pair(error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(ArcSwap::from_pointee(config))))
    }

    /// Takes the certificate of `other` from now on; connections that are open keep theirs.
    pub fn replace(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let acceptor = TlsAcceptor::from(self.0.load_full());
        let timed = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
        timed.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "TLS handshake took too long")))
    }
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let bad = |reason: String| BadTls::Pem { what, reason };
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| bad(error.to_string()))?;
    if all.is_empty() { Err(bad("no certificate in it".into())) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_material_is_named() {
        let check = |certificate: &[u8], want: &str| {
            let material = TlsMaterial { certificate_pem: certificate.into(), ..TlsMaterial::default() };
            let error = Tls::new(&material).err().unwrap().to_string();
            assert!(error.starts_with(want), "{error}");
        };
        check(b"", "certificate is no PEM with what it should hold: no certificate in it");
        check(b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "certificate is no PEM");
        check(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "key is no PEM");
    }
}
