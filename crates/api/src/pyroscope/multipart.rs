//! Parts of a `multipart/form-data` body, by name. Borrowed; a body that is cut short has the parts that are whole.

use memchr::memmem;

const PARTS_MAX: usize = 32;

/// The boundary of a content type, if it is multipart.
pub fn boundary(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parts.find_map(|part| part.strip_prefix("boundary="))?.trim_matches('"');
    (!boundary.is_empty() && boundary.len() <= 70).then_some(boundary)
}

/// Name and content of each part.
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<(String, &'a [u8])> {
    let delimiter = format!("\r\n--{boundary}");
    let mut found = Vec::new();
    // The first delimiter has no line before it.
    let Some(mut rest) = body.strip_prefix(&delimiter.as_bytes()[2..]) else { return found };
    while found.len() < PARTS_MAX && !rest.starts_with(b"--") {
        let Some(start) = memmem::find(rest, b"\r\n\r\n") else { break };
        let content = &rest[start + 4..];
        let Some(end) = memmem::find(content, delimiter.as_bytes()) else { break };
        if let Some(name) = name(&rest[..start]) {
            found.push((name, &content[..end]));
        }
        rest = &content[end + delimiter.len()..];
    }
    found
}

fn name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let (_, rest) = head.split_once(" name=\"").or_else(|| head.split_once(";name=\""))?;
    rest.split_once('"').map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_name() {
        let boundary = boundary("multipart/form-data; boundary=xyz").unwrap();
        let body = b"--xyz\r\nContent-Disposition: form-data; name=\"profile\"; filename=\"p\"\r\nX: y\r\n\r\nab\r\n\0c\r\n--xyz\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n\r\n--xyz--\r\n";
        assert_eq!(
            parts(body, boundary),
            [("profile".to_owned(), &b"ab\r\n\0c"[..]), ("b".to_owned(), &b""[..])]
        );
        assert!(parts(&body[..60], boundary).is_empty());
        assert!(parts(b"", boundary).is_empty());
        assert_eq!(super::boundary("application/json"), None);
    }
}
