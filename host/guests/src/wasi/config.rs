//! `wasi:config/store`: what the deployer says in `[guest.NAME.config]`.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use crate::contract::context::CallContext;

/// The drafts that guests are built with. A guest imports one of them exactly: there is no order
/// among drafts. The functions are the same in all.
const VERSIONS: [&str; 3] = ["0.2.0-rc.1", "0.2.0-draft", "0.2.0-draft-2024-09-27"];

type Context<'a> = StoreContextMut<'a, CallContext>;

/// `store.error`. Only a guest that is loaded without its values, by `snow-host check`, meets one.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum Error {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    for version in VERSIONS {
        let mut store = linker.instance(&format!("wasi:config/store@{version}"))?;
        store.func_wrap("get", |store: Context<'_>, (name,): (String,)| {
            Ok((get(store.data(), &name),))
        })?;
        store.func_wrap("get-all", |store: Context<'_>, (): ()| Ok((get_all(store.data()),)))?;
    }
    Ok(())
}

fn get(context: &CallContext, name: &str) -> Result<Option<String>, Error> {
    let value = context.permit().values.get(name);
    value.map(|value| value.text().ok_or_else(|| unknown(name)).map(str::to_owned)).transpose()
}

/// Returns all values but secrets, which are for whoever asks by name: a guest that shows its
/// configuration shows none.
fn get_all(context: &CallContext) -> Result<Vec<(String, String)>, Error> {
    let public = context.permit().values.iter().filter(|(_, value)| !value.is_secret);
    let pair = |(name, value): (&str, &snow_config::ConfigValue)| {
        let text = value.text().ok_or_else(|| unknown(name))?;
        Ok((name.to_owned(), text.to_owned()))
    };
    public.map(pair).collect()
}

fn unknown(name: &str) -> Error {
    Error::Upstream(format!("the value of {name:?} was not looked up: no server runs"))
}
