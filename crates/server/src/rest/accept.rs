//! Which representation of an entry a reader gets (decision 0004).

use axum::http::{HeaderMap, header};

/// The two representations of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON: the value with all that is known of the entry.
    View,
    /// The value's bytes, with the content type that they were stored with.
    Raw,
}

/// The form for an entry stored with `content_type`; `None`: the reader accepts neither.
pub fn form(headers: &HeaderMap, content_type: Option<&str>) -> Option<Form> {
    let usual = match content_type {
        None | Some("application/json") => Form::View,
        Some(_) => Form::Raw,
    };
    let accept: Vec<&str> =
        headers.get_all(header::ACCEPT).into_iter().filter_map(|it| it.to_str().ok()).collect();
    let accept = accept.join(",");
    if accept.trim().is_empty() {
        return Some(usual);
    }
    let view = quality(&accept, "application/json");
    let own = content_type.filter(|it| *it != "application/json").map_or(0, |it| quality(&accept, it));
    let raw = own.max(quality(&accept, "application/octet-stream"));
    match view.cmp(&raw) {
        _ if view == 0 && raw == 0 => None,
        std::cmp::Ordering::Equal => Some(usual),
        std::cmp::Ordering::Greater => Some(Form::View),
        std::cmp::Ordering::Less => Some(Form::Raw),
    }
}

/// How much a media type is wanted, in thousandths: what the most specific range that covers it says.
fn quality(accept: &str, media_type: &str) -> u32 {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let family = media_type.split('/').next().unwrap_or_default();
    let mut best = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let specific = match name.split_once('/') {
            _ if name.eq_ignore_ascii_case(media_type) => 3,
            Some((group, "*")) if group.eq_ignore_ascii_case(family) => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
        let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
        if specific > best.0 {
            best = (specific, weight);
        }
    }
    best.1
}

/// Whether a reader takes zstd (RFC 8878), and not less gladly than no encoding. Who says nothing takes none.
pub fn takes_zstd(headers: &HeaderMap) -> bool {
    let given = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|it| it.to_str().ok());
    let given: Vec<&str> = given.collect();
    let weight = |coding: &str| {
        let all = given.iter().flat_map(|list| list.split(','));
        all.map(str::trim).find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next().unwrap_or_default().eq_ignore_ascii_case(coding);
            let weight =
                || parts.find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
            named.then(weight)
        })
    };
    let zstd = weight("zstd").or_else(|| weight("*")).unwrap_or(0.0);
    zstd > 0.0 && zstd >= weight("identity").unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn zstd_is_for_those_who_take_it() {
        for (given, expected) in [
            ("", false),
            ("gzip, deflate, br", false),
            ("gzip, deflate, br, zstd", true),
            ("ZSTD;q=0.5", true),
            ("zstd;q=0", false),
            ("*", true),
            ("*, zstd;q=0", false),
            ("identity", false),
            ("identity, zstd;q=0.1", false),
            ("identity;q=0.1, zstd", true),
            ("zstandard", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(given));
            assert_eq!(takes_zstd(&headers), expected, "{given}");
        }
        assert!(!takes_zstd(&HeaderMap::new()));
    }

    #[test]
    fn the_rule_of_decision_0004() {
        const JSON: Option<&str> = Some("application/json");
        const PNG: Option<&str> = Some("image/png");
        for (accept, content_type, expected) in [
            ("", None, Some(Form::View)),
            ("", JSON, Some(Form::View)),
            ("", PNG, Some(Form::Raw)),
            ("*/*", JSON, Some(Form::View)),
            ("*/*", PNG, Some(Form::Raw)),
            ("application/json", PNG, Some(Form::View)),
            ("application/octet-stream", JSON, Some(Form::Raw)),
            ("application/octet-stream", None, Some(Form::Raw)),
            ("image/*", PNG, Some(Form::Raw)),
            ("image/*, application/json;q=0.5", PNG, Some(Form::Raw)),
            ("image/*;q=0.4, application/json;q=0.5", PNG, Some(Form::View)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", None, Some(Form::View)),
            ("text/html,*/*;q=0.8", Some("text/html; charset=utf-8"), Some(Form::Raw)),
            ("text/plain", PNG, None),
            ("text/plain", None, None),
            ("*/*, application/json;q=0", JSON, Some(Form::Raw)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(form(&headers, content_type), expected, "{accept} of {content_type:?}");
        }
    }
}
