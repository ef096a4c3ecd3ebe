//! URLs, parsed and changed by the crate `url`, which follows the WHATWG.

use rquickjs::{Array, Ctx, Result, Value};
use url::{Url, quirks};

use crate::text::Text;

/// Longer texts are no URLs: each part may be three times as long when it is percent-encoded.
const URL_BYTES_MAX: usize = 1 << 20;

/// Parses a URL, sets one of its parts if there is one to set, and returns all parts in the order
/// of `PARTS` in `js/url.js`; null for what is no URL.
pub fn parse<'js>(
    ctx: Ctx<'js>,
    text: Text,
    base: rquickjs::function::Opt<Option<Text>>,
    part: rquickjs::function::Opt<Option<Text>>,
    value: rquickjs::function::Opt<Option<Text>>,
) -> Result<Value<'js>> {
    let null = Value::new_null(ctx.clone());
    if [Some(&text), base.0.iter().flatten().next(), value.0.iter().flatten().next()]
        .iter()
        .flatten()
        .any(|text| text.0.len() > URL_BYTES_MAX)
    {
        return Ok(null);
    }
    let base = match base.0.flatten().map(|base| Url::parse(&base.0)) {
        Some(Err(_)) => return Ok(null),
        Some(Ok(base)) => Some(base),
        None => None,
    };
    let Ok(mut url) = Url::options().base_url(base.as_ref()).parse(&text.0) else {
        return Ok(null);
    };
    if let Some(part) = part.0.flatten() {
        let value = value.0.flatten().map(|value| value.0).unwrap_or_default();
        set(&mut url, &part.0, &value);
    }
    let parts = Array::new(ctx)?;
    let origin = quirks::origin(&url);
    let values = [
        quirks::href(&url),
        &origin,
        quirks::protocol(&url),
        quirks::username(&url),
        quirks::password(&url),
        quirks::host(&url),
        quirks::hostname(&url),
        quirks::port(&url),
        quirks::pathname(&url),
        quirks::search(&url),
        quirks::hash(&url),
    ];
    for (index, value) in values.into_iter().enumerate() {
        parts.set(index, value)?;
    }
    Ok(parts.into_value())
}

/// Sets a part. A value that it can't have is ignored, as on the web.
fn set(url: &mut Url, part: &str, value: &str) {
    let _ignored = match part {
        "protocol" => quirks::set_protocol(url, value),
        "username" => quirks::set_username(url, value),
        "password" => quirks::set_password(url, value),
        "host" => quirks::set_host(url, value),
        "hostname" => quirks::set_hostname(url, value),
        "port" => quirks::set_port(url, value),
        "pathname" => return quirks::set_pathname(url, value),
        "search" => return quirks::set_search(url, value),
        _ => return quirks::set_hash(url, value),
    };
}
