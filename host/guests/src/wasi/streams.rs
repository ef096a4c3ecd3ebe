//! `wasi:io/streams`: what a guest writes to its standard output or error becomes lines of its log.

use std::mem;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceType};

use snow_runtime::Level;

use super::named;
use super::poll::{self, Readiness};
use crate::contract::context::CallContext;

/// The most bytes that a guest may write at a time, as `check-write` tells it: what WASI allows for
/// `blocking-write-and-flush`. Each of them may end a line, and lines are made while nothing else
/// runs on the worker.
const WRITE_BYTES_MAX: usize = 4_096;

type Context<'a> = StoreContextMut<'a, CallContext>;

/// The host's side of `error`. There is none: no stream ever fails.
pub(super) struct IoError;
/// The host's side of `input-stream`: always at its end.
pub(super) struct InputStream;
/// The host's side of `output-stream`. A representation is a [`Stream`].
pub(super) struct OutputStream;

/// `streams.stream-error`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// What an output stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout = 0,
    Stderr = 1,
}

/// The lines that a guest has begun on its output streams.
#[derive(Default)]
pub(crate) struct Outputs([Vec<u8>; 2]);

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut errors = linker.instance(&named("io/error"))?;
    errors.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))?;
    errors.func_wrap(
        "[method]error.to-debug-string",
        |_: Context<'_>, (_,): (Resource<IoError>,)| Ok((String::new(),)),
    )?;
    let mut streams = linker.instance(&named("io/streams"))?;
    streams.resource("input-stream", ResourceType::host::<InputStream>(), |_, _| Ok(()))?;
    for name in ["read", "blocking-read"] {
        streams.func_wrap(
            &format!("[method]input-stream.{name}"),
            |_: Context<'_>, (_, _): (Resource<InputStream>, u64)| {
                Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
            },
        )?;
    }
    for name in ["skip", "blocking-skip"] {
        streams.func_wrap(
            &format!("[method]input-stream.{name}"),
            |_: Context<'_>, (_, _): (Resource<InputStream>, u64)| {
                Ok((Err::<u64, _>(StreamError::Closed),))
            },
        )?;
    }
    streams.func_wrap(
        "[method]input-stream.subscribe",
        |mut store: Context<'_>, (_,): (Resource<InputStream>,)| {
            Ok((poll::subscribe(store.data_mut(), Readiness::Always)?,))
        },
    )?;
    streams.resource("output-stream", ResourceType::host::<OutputStream>(), |_, _| Ok(()))?;
    streams.func_wrap(
        "[method]output-stream.check-write",
        |_: Context<'_>, (_,): (Resource<OutputStream>,)| {
            Ok((Ok::<_, StreamError>(WRITE_BYTES_MAX as u64),))
        },
    )?;
    for name in ["write", "blocking-write-and-flush"] {
        streams.func_wrap(
            &format!("[method]output-stream.{name}"),
            |mut store: Context<'_>, (this, bytes): (Resource<OutputStream>, Vec<u8>)| {
                if bytes.len() > WRITE_BYTES_MAX {
                    wasmtime::bail!(
                        "wrote {} bytes at a time, where `check-write` allows {WRITE_BYTES_MAX}",
                        bytes.len()
                    );
                }
                write(store.data_mut(), Stream::of(&this), &bytes);
                Ok((Ok::<_, StreamError>(()),))
            },
        )?;
    }
    for name in ["flush", "blocking-flush"] {
        streams.func_wrap(
            &format!("[method]output-stream.{name}"),
            |_: Context<'_>, (_,): (Resource<OutputStream>,)| Ok((Ok::<_, StreamError>(()),)),
        )?;
    }
    for name in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        streams.func_wrap(
            &format!("[method]output-stream.{name}"),
            // Nobody reads a log for these.
            |_: Context<'_>, (_, _): (Resource<OutputStream>, u64)| Ok((Ok::<_, StreamError>(()),)),
        )?;
    }
    for name in ["splice", "blocking-splice"] {
        type Spliced = (Resource<OutputStream>, Resource<InputStream>, u64);
        streams.func_wrap(
            &format!("[method]output-stream.{name}"),
            |_: Context<'_>, (_, _, _): Spliced| Ok((Err::<u64, _>(StreamError::Closed),)),
        )?;
    }
    streams.func_wrap(
        "[method]output-stream.subscribe",
        |mut store: Context<'_>, (_,): (Resource<OutputStream>,)| {
            Ok((poll::subscribe(store.data_mut(), Readiness::Always)?,))
        },
    )
}

impl Stream {
    fn of(stream: &Resource<OutputStream>) -> Stream {
        if stream.rep() == Stream::Stderr as u32 { Stream::Stderr } else { Stream::Stdout }
    }

    /// Returns the resource for this stream, which the guest owns from now on.
    pub(super) fn resource(self) -> Resource<OutputStream> {
        Resource::new_own(self as u32)
    }

    fn level(self) -> Level {
        match self {
            Stream::Stdout => Level::Info,
            Stream::Stderr => Level::Warn,
        }
    }
}

/// Logs each whole line, and keeps what comes behind the last one.
fn write(context: &mut CallContext, stream: Stream, bytes: &[u8]) {
    let most = context.runtime.limits.log_message_bytes_max;
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        context.wasi.outputs.keep(stream, &rest[..end], most);
        end_line(context, stream);
        rest = &rest[end + 1..];
    }
    context.wasi.outputs.keep(stream, rest, most);
}

/// Logs the line that a guest has begun.
fn end_line(context: &mut CallContext, stream: Stream) {
    let mut line = mem::take(&mut context.wasi.outputs.0[stream as usize]);
    if line.ends_with(b"\r") {
        line.pop();
    }
    context.log(stream.level(), String::from_utf8_lossy(&line).into_owned());
}

impl CallContext {
    /// Logs the lines that the guest has begun and not ended. To be called at a call's end.
    pub(crate) fn end_lines(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.wasi.outputs.0[stream as usize].is_empty() {
                end_line(self, stream);
            }
        }
    }
}

impl Outputs {
    /// Adds bytes to a line that the guest has begun. Beyond `most` bytes they are dropped, except
    /// for one, which lets the log see that the line is cut.
    fn keep(&mut self, stream: Stream, bytes: &[u8], most: usize) {
        let line = &mut self.0[stream as usize];
        let room = (most + 1).saturating_sub(line.len());
        line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}
