//! Settings, links, and the times of a wait, for `js/deployed.js` and `js/routes.js`.

use rquickjs::{Array, Ctx, Function, Object, Result};

use crate::snow::host::{deployment, resumption};
use crate::text::Text;
use crate::wasi::config::store::{self, Error};

/// Puts the functions into an object.
pub fn functions<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<()> {
    let function = |name: &str, function: Result<Function<'js>>| object.set(name, function?);
    function("configGet", Function::new(ctx.clone(), get))?;
    function("configAll", Function::new(ctx.clone(), all))?;
    function("mount", Function::new(ctx.clone(), deployment::mount))?;
    function("baseUrl", Function::new(ctx.clone(), deployment::base_url))?;
    function("waitedMs", Function::new(ctx.clone(), resumption::waited_ms))?;
    function("leftMs", Function::new(ctx.clone(), resumption::left_ms))?;
    function("keepDeadline", Function::new(ctx.clone(), resumption::keep_deadline))
}

/// Returns `{ ok }`, without a value if there is none, or the words of an error.
fn get<'js>(ctx: Ctx<'js>, name: Text) -> Result<Object<'js>> {
    let object = Object::new(ctx)?;
    match store::get(&name.0) {
        Ok(value) => object.set("ok", value)?,
        Err(error) => object.set("error", words(error))?,
    }
    Ok(object)
}

/// Returns pairs of names and values as `{ ok }`, or the words of an error.
fn all<'js>(ctx: Ctx<'js>) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    match store::get_all() {
        Ok(values) => {
            let pairs = Array::new(ctx.clone())?;
            for (index, (name, value)) in values.into_iter().enumerate() {
                let pair = Array::new(ctx.clone())?;
                pair.set(0, name)?;
                pair.set(1, value)?;
                pairs.set(index, pair)?;
            }
            object.set("ok", pairs)?;
        }
        Err(error) => object.set("error", words(error))?,
    }
    Ok(object)
}

fn words(error: Error) -> String {
    match error {
        Error::Upstream(words) => format!("whoever keeps it does not answer: {words}"),
        Error::Io(words) => format!("it can't be read: {words}"),
    }
}
