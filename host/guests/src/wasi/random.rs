//! `wasi:random`: the system's random bytes. They are never the same twice, in whatever instance.

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use super::named;
use crate::contract::context::CallContext;
use crate::contract::host_api::yield_once;

/// Bytes that a guest may ask for at a time.
const BYTES_MAX: u64 = 1 << 20;
/// Bytes that are made before others may run. The system takes a fifth of a millisecond for them.
const SLICE_BYTES: usize = 65_536;

type Context<'a> = StoreContextMut<'a, CallContext>;

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut random = linker.instance(&named("random/random"))?;
    random.func_wrap_async("get-random-bytes", |store: Context<'_>, (len,): (u64,)| {
        Box::new(async move { Ok((bytes(&store, len).await?,)) })
    })?;
    random.func_wrap("get-random-u64", |_: Context<'_>, (): ()| Ok((number()?,)))?;
    // What may be insecure is as good here, so that no guest depends on weak numbers.
    let mut insecure = linker.instance(&named("random/insecure"))?;
    insecure.func_wrap_async(
        "get-insecure-random-bytes",
        |store: Context<'_>, (len,): (u64,)| {
            Box::new(async move { Ok((bytes(&store, len).await?,)) })
        },
    )?;
    insecure.func_wrap("get-insecure-random-u64", |_: Context<'_>, (): ()| Ok((number()?,)))?;
    let mut seed = linker.instance(&named("random/insecure-seed"))?;
    seed.func_wrap("insecure-seed", |_: Context<'_>, (): ()| Ok(((number()?, number()?),)))
}

async fn bytes(store: &Context<'_>, len: u64) -> wasmtime::Result<Vec<u8>> {
    if len > BYTES_MAX {
        wasmtime::bail!("asked for {len} random bytes at a time; {BYTES_MAX} are the most");
    }
    let mut bytes = vec![0; len as usize];
    let mut slices = bytes.chunks_mut(SLICE_BYTES).peekable();
    while let Some(slice) = slices.next() {
        fill(slice)?;
        // Nobody else waits for the thread that loads a guest.
        if slices.peek().is_some() && store.data().can_wait() {
            yield_once().await;
        }
    }
    Ok(bytes)
}

fn number() -> wasmtime::Result<u64> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn fill(bytes: &mut [u8]) -> wasmtime::Result<()> {
    let filled = getrandom::fill(bytes);
    filled.map_err(|error| wasmtime::format_err!("the system has no random numbers: {error}"))
}
