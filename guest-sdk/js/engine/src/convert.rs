//! Values of the contract as values of JavaScript, and back. `js/` knows the shapes.

use rquickjs::{Array, Ctx, Error, Exception, Object, Result, TypedArray, Value};

use crate::pendings;
use crate::snow::host::http::{Field, Request, Response};
use crate::snow::host::pending_handles::{Failure, Join, Outcome, Settlement, Suspension};
use crate::text::{Text, too_large};

/// Returns what an operation told: `{ ok }`, or `{ code, … }` of what was refused. `refused` puts what
/// it knows besides into the object, and returns the code.
pub fn told<'js, T, E>(
    ctx: &Ctx<'js>,
    result: std::result::Result<T, E>,
    ok: impl FnOnce(T) -> Result<Value<'js>>,
    refused: impl FnOnce(&Object<'js>, E) -> Result<&'static str>,
) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    match result {
        Ok(value) => object.set("ok", ok(value)?)?,
        Err(error) => {
            let code = refused(&object, error)?;
            object.set("code", code)?;
        }
    }
    Ok(object)
}

/// Returns a request for `Request._of`.
pub fn request<'js>(ctx: &Ctx<'js>, request: Request) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("id", request.id)?;
    object.set("client", request.client)?;
    object.set("scheme", request.scheme)?;
    object.set("authority", request.authority)?;
    object.set("method", request.method)?;
    object.set("path", request.path)?;
    object.set("query", request.query)?;
    let params = Array::new(ctx.clone())?;
    for (index, param) in request.params.into_iter().enumerate() {
        params.set(index, pair(ctx, param.name, param.value)?)?;
    }
    object.set("params", params)?;
    object.set("headers", fields(ctx, request.headers)?)?;
    object.set("body", octets(ctx, request.body)?)?;
    Ok(object)
}

fn fields<'js>(ctx: &Ctx<'js>, fields: Vec<Field>) -> Result<Array<'js>> {
    let array = Array::new(ctx.clone())?;
    for (index, field) in fields.into_iter().enumerate() {
        // Each byte is a character, as on the web, so every value can be given back as it came.
        let value = field.value.into_iter().map(char::from).collect();
        array.set(index, pair(ctx, Some(field.name), value)?)?;
    }
    Ok(array)
}

fn pair<'js>(ctx: &Ctx<'js>, name: Option<String>, value: String) -> Result<Array<'js>> {
    let pair = Array::new(ctx.clone())?;
    pair.set(0, name)?;
    pair.set(1, value)?;
    Ok(pair)
}

/// Returns bytes as a `Uint8Array`; null for none, which costs less and is the usual body.
pub fn octets<'js>(ctx: &Ctx<'js>, bytes: Vec<u8>) -> Result<Value<'js>> {
    match bytes.is_empty() {
        true => Ok(Value::new_null(ctx.clone())),
        false => Ok(TypedArray::<u8>::new(ctx.clone(), bytes)?.into_value()),
    }
}

/// Returns the bytes of a text or of a `Uint8Array`; none of anything else.
pub fn bytes(value: &Value<'_>) -> Result<Vec<u8>> {
    if value.is_string() {
        return Ok(value.get::<Text>()?.0.into_bytes());
    }
    let array = value.as_object().and_then(|object| object.as_typed_array::<u8>());
    let Some(array) = array else { return Ok(Vec::new()) };
    // SAFETY: no JavaScript runs while the bytes are looked at, so none can detach or change them.
    let bytes = unsafe { array.as_bytes() }.unwrap_or_default();
    let mut copy = Vec::new();
    if copy.try_reserve_exact(bytes.len()).is_err() {
        return Err(too_large(value.ctx(), bytes.len()));
    }
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// Returns a settlement that `settlement` of `js/settling.js` has made.
pub fn settlement_from(object: &Object<'_>) -> Result<Settlement> {
    let tag: String = object.get("tag")?;
    Ok(match tag.as_str() {
        "value" => Settlement::Value(bytes(&object.get("val")?)?),
        "response" => Settlement::Response(response(&object.get("val")?)?),
        _ => {
            let failure: Object = object.get("val")?;
            Settlement::Failed(Failure {
                code: failure.get::<_, Text>("code")?.0,
                message: failure.get::<_, Text>("message")?.0,
            })
        }
    })
}

/// Returns a settlement for `settled` of `js/settling.js`; null for none.
pub fn settlement_to<'js>(ctx: &Ctx<'js>, settlement: Option<Settlement>) -> Result<Value<'js>> {
    let Some(settlement) = settlement else { return Ok(Value::new_null(ctx.clone())) };
    let object = Object::new(ctx.clone())?;
    match settlement {
        Settlement::Value(value) => {
            object.set("tag", "value")?;
            object.set("val", TypedArray::<u8>::new(ctx.clone(), value)?)?;
        }
        Settlement::Failed(failure) => {
            object.set("tag", "failed")?;
            let texts = Object::new(ctx.clone())?;
            texts.set("code", failure.code)?;
            texts.set("message", failure.message)?;
            object.set("val", texts)?;
        }
        Settlement::Response(response) => {
            object.set("tag", "response")?;
            let parts = Object::new(ctx.clone())?;
            parts.set("status", response.status)?;
            parts.set("headers", fields(ctx, response.headers)?)?;
            parts.set("body", TypedArray::<u8>::new(ctx.clone(), response.body)?)?;
            object.set("val", parts)?;
        }
    }
    Ok(object.into_value())
}

/// Returns the bytes of a field's value. `js/headers.js` has refused other characters.
fn latin1(value: &str) -> Result<Vec<u8>> {
    let byte = |character: char| u8::try_from(character).map_err(|_| Error::Unknown);
    value.chars().map(byte).collect()
}

fn response(object: &Object<'_>) -> Result<Response> {
    Ok(Response {
        status: object.get("status")?,
        headers: fields_from(&object.get("headers")?)?,
        body: bytes(&object.get("body")?)?,
    })
}

/// Returns the fields of a list of pairs, as `[...headers]` is one.
pub fn fields_from(pairs: &Array<'_>) -> Result<Vec<Field>> {
    let mut fields = Vec::with_capacity(pairs.len());
    for pair in pairs.iter::<Array>() {
        let pair = pair?;
        fields.push(Field { name: pair.get(0)?, value: latin1(&pair.get::<String>(1)?)? });
    }
    Ok(fields)
}

/// Returns an outcome that `js/routes.js` has made.
///
/// # Errors
/// A pending of a suspension is gone; or the object is none of those.
pub fn outcome(ctx: &Ctx<'_>, object: &Object<'_>) -> Result<Outcome> {
    if !object.contains_key("handles")? {
        return Ok(Outcome::Respond(response(object)?));
    }
    let ids: Vec<u32> = object.get("handles")?;
    let handles: std::result::Result<Vec<_>, _> = ids.into_iter().map(pendings::take).collect();
    let handles = handles.map_err(|_| {
        Exception::throw_message(ctx, "a pending of the suspension was released, or is in it twice")
    })?;
    let on_timeout: Option<Object> = object.get("onTimeout")?;
    Ok(Outcome::Suspend(Suspension {
        handles,
        until: if object.get("all")? { Join::All } else { Join::Any },
        timeout_ms: object.get("timeoutMs")?,
        on_timeout: on_timeout.map(|object| response(&object)).transpose()?,
        resume: object.get("resume")?,
        keep_request: object.get("keepRequest")?,
        state: bytes(&object.get("state")?)?,
    }))
}
