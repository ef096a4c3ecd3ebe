//! `snow:host/fetch`: requests of guests to other servers.
//!
//! They are sent by whatever the server has put in as [`Outside`]. A fetch is an operation behind a
//! pending: its end settles that, from another thread, and whoever releases the pending gives the
//! fetch up.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Resource};

use snow_core::{PendingId, Refusal};
use snow_http::RequestId;
use snow_runtime::{
    Fetch, FetchCode, FetchFailure, FetchOptions, KeepAnswer, Level, Settled, Settlement, Source,
};

use super::context::CallContext;
use super::explained::Explained;
use super::grants::Permit;
use super::types::{self, Pending};
use crate::runtime::Runtime;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// `fetch.options`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Options {
    #[component(name = "timeout-ms")]
    timeout_ms: Option<u32>,
    #[component(name = "connect-timeout-ms")]
    connect_timeout_ms: Option<u32>,
    #[component(name = "redirects-max")]
    redirects_max: Option<u8>,
    #[component(name = "response-bytes-max")]
    response_bytes_max: Option<u32>,
    collapse: Option<String>,
}

/// `fetch.outgoing`.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Outgoing {
    method: String,
    url: String,
    headers: Vec<types::Field>,
    body: Vec<u8>,
    options: Option<Options>,
}

impl From<Options> for FetchOptions {
    fn from(options: Options) -> FetchOptions {
        FetchOptions {
            timeout_ms: options.timeout_ms,
            connect_timeout_ms: options.connect_timeout_ms,
            redirects_max: options.redirects_max,
            response_bytes_max: options.response_bytes_max,
            collapse: options.collapse,
        }
    }
}

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut fetch = linker.instance("snow:host/fetch@0.1.0")?;
    fetch.func_wrap("start", |mut store: Context<'_>, (outgoing,): (Outgoing,)| {
        Ok((store.data_mut().fetch(outgoing).map_err(types::Refusal::from),))
    })
}

impl CallContext {
    /// Begins a fetch, and creates the pending that its end settles.
    fn fetch(&mut self, outgoing: Outgoing) -> Result<Resource<Pending>, Refusal> {
        let collapse = outgoing.options.as_ref().and_then(|options| options.collapse.as_ref());
        if collapse.is_some_and(|key| key.len() > self.runtime.limits.key_bytes_max) {
            return Err(Refusal::Limit);
        }
        let pending = self.create(None, Source::None)?;
        let id = self.handle(pending.rep()).expect("it was created").id;
        let Outgoing { method, url, headers, body, options } = outgoing;
        let fetch = Fetch {
            guest: self.permit.name.clone(),
            rules: self.permit.outbound.clone(),
            limits: self.runtime.limits.clone(),
            request_id: self.request_id().to_string(),
            method,
            url,
            headers: headers.into_iter().map(Into::into).collect(),
            body,
            options: options.map(FetchOptions::from).unwrap_or_default(),
            keep: self.keep_answer(),
        };
        let end = End {
            runtime: self.runtime.clone(),
            permit: self.permit.clone(),
            pending: id,
            request_id: self.request_id().clone(),
            was_explained: self.was_explained.shared(),
        };
        let done = Box::new(move |result| end.settle(result));
        let operation = self.runtime.outside.fetch(fetch, done);
        self.set_source(&pending, Source::Operation(operation));
        Ok(pending)
    }

    /// Returns what counts the bytes of an answer, until nobody has it any more.
    fn keep_answer(&self) -> KeepAnswer {
        let (permit, limits) = (self.permit.clone(), self.runtime.limits.clone());
        Arc::new(move |answer| {
            permit.keep(answer.into(), &limits).map_err(|_| FetchFailure {
                code: FetchCode::TooLarge,
                message: "other settlements that are kept leave no room for the answer \
                          (guest_settled_bytes_max, settled_bytes_max)"
                    .to_owned(),
            })
        })
    }
}

/// The end of a fetch: whose pending it settles, and how.
struct End {
    runtime: Runtime,
    permit: Arc<Permit>,
    pending: PendingId,
    request_id: RequestId,
    /// Whether a denial of the call has been logged.
    was_explained: Explained,
}

impl End {
    /// Settles the fetch's pending, and wakes who waits for it.
    fn settle(self, result: Result<Settled, FetchFailure>) {
        let settled = result.unwrap_or_else(|failure| {
            if failure.code == FetchCode::Denied {
                self.log_denial(&failure);
            }
            // It is short, and the guest has to learn it.
            Settled::new(Settlement::Failed {
                code: failure.code.name().into(),
                message: failure.message,
            })
        });
        // It fails if nobody waits any more.
        if let Ok(waiter) = self.runtime.registry.settle(self.pending, settled) {
            self.runtime.post.wake(waiter.as_slice());
        }
    }

    /// Tells the deployer what was denied, unless the call was denied something before.
    fn log_denial(&self, failure: &FetchFailure) {
        if !self.was_explained.is_first() {
            return;
        }
        let (name, id, why) = (&self.permit.name, &self.request_id, &failure.message);
        let message = format!("guest={name} id={id}: denied to fetch: {why}");
        self.runtime.log.host(Level::Warn, self.permit.masks.masked(message, usize::MAX));
    }
}
