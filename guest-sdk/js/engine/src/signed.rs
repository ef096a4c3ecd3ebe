//! Codes by HMAC-SHA256, compared in constant time, and Base64 as URLs and cookies can have it, for
//! `js/signing.js`.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray, Value};
use sha2::Sha256;

use crate::convert::bytes;
use crate::text::Text;

/// Puts the functions into an object.
pub fn functions<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let function = |name: &str, function: Result<Function<'js>>| object.set(name, function?);
    function("hmac", Function::new(ctx.clone(), code))?;
    function("hmacIs", Function::new(ctx.clone(), is_code))?;
    function("toBase64", Function::new(ctx.clone(), to_base64))?;
    function("fromBase64", Function::new(ctx.clone(), from_base64))
}

fn code<'js>(ctx: Ctx<'js>, secret: Value<'js>, text: Value<'js>) -> Result<TypedArray<'js, u8>> {
    let code = hmac(&ctx, &secret, &text)?.finalize().into_bytes();
    TypedArray::<u8>::new(ctx, code.to_vec())
}

fn is_code<'js>(
    ctx: Ctx<'js>,
    secret: Value<'js>,
    text: Value<'js>,
    code: Value<'js>,
) -> Result<bool> {
    Ok(hmac(&ctx, &secret, &text)?.verify_slice(&bytes(&code)?).is_ok())
}

fn hmac<'js>(ctx: &Ctx<'js>, secret: &Value<'js>, text: &Value<'js>) -> Result<Hmac<Sha256>> {
    let Ok(mut code) = Hmac::<Sha256>::new_from_slice(&bytes(secret)?) else {
        return Err(Exception::throw_type(ctx, "this is no key"));
    };
    code.update(&bytes(text)?);
    Ok(code)
}

fn to_base64(value: Value<'_>) -> Result<String> {
    Ok(Base64UrlUnpadded::encode_string(&bytes(&value)?))
}

/// Null for what is no such text.
fn from_base64<'js>(ctx: Ctx<'js>, text: Text) -> Result<Value<'js>> {
    match Base64UrlUnpadded::decode_vec(&text.0) {
        Ok(bytes) => Ok(TypedArray::<u8>::new(ctx, bytes)?.into_value()),
        Err(_) => Ok(Value::new_null(ctx)),
    }
}
