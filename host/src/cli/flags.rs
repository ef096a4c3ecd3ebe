//! What `run` and `config` let the command line decide: each of these wins over `snow.toml`.

use std::path;

use clap::Args;

use crate::config::{AdminListen, Listen, LogFormat, Overrides};

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Where to listen: ADDRESS:PORT (port 0 takes a free one), or fd:N for a socket left open by a parent; may be
    /// given several times [default: 127.0.0.1:8080]
    #[arg(long)]
    listen: Vec<Listen>,
    /// Threads that serve [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Do not log each answered request
    #[arg(long)]
    no_access_log: bool,
    /// How the log looks [default: text]
    #[arg(long, value_enum)]
    log: Option<LogFormat>,
    /// Where the host tells about itself: ADDRESS:PORT, or unix:PATH [default: nowhere]
    #[arg(long, value_parser = parse_admin)]
    admin: Option<AdminListen>,
    /// Do not start if a guest can't be loaded, or two claim the same pattern
    #[arg(long)]
    strict: bool,
    /// Do not watch the folder: guests and snow.toml stay as they are at the start
    #[arg(long)]
    no_watch: bool,
}

impl Flags {
    pub fn overrides(self) -> Overrides {
        Overrides {
            listen: (!self.listen.is_empty()).then_some(self.listen),
            workers: self.workers,
            access_log: self.no_access_log.then_some(false),
            log: self.log,
            admin: self.admin,
            watch: self.no_watch.then_some(false),
            strict: self.strict.then_some(true),
            cache: None,
        }
    }
}

/// A path is made absolute, as snow.toml wants it: so what `config` prints can be saved. Unless it is too long then.
fn parse_admin(text: &str) -> Result<AdminListen, String> {
    let admin: AdminListen = text.parse()?;
    let AdminListen::Unix(path) = &admin else { return Ok(admin) };
    let absolute = path::absolute(path).ok().and_then(|path| format!("unix:{}", path.display()).parse().ok());
    Ok(absolute.unwrap_or(admin))
}
