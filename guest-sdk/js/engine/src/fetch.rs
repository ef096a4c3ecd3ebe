//! Requests to other servers, for `js/fetch.js`.

use rquickjs::{Ctx, Function, Object, Result};

use crate::convert::{bytes, fields_from};
use crate::native::refused;
use crate::pendings;
use crate::snow::host::fetch::{self, Options, Outgoing};
use crate::text::Text;

/// Puts the function into an object.
pub fn functions<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    object.set("fetch", Function::new(ctx.clone(), start)?)
}

/// Sends a request, and returns the number of its pending.
fn start<'js>(ctx: Ctx<'js>, object: Object<'js>) -> Result<u32> {
    let options = Options {
        timeout_ms: object.get("timeoutMs")?,
        connect_timeout_ms: object.get("connectTimeoutMs")?,
        redirects_max: object.get("redirects")?,
        response_bytes_max: object.get("responseBytesMax")?,
        collapse: object.get::<_, Option<Text>>("collapse")?.map(|text| text.0),
    };
    let outgoing = Outgoing {
        method: object.get::<_, Text>("method")?.0,
        url: object.get::<_, Text>("url")?.0,
        headers: fields_from(&object.get("headers")?)?,
        body: bytes(&object.get("body")?)?,
        options: Some(options),
    };
    fetch::start(&outgoing).map(pendings::keep).map_err(|refusal| refused(&ctx, refusal))
}
