//! What `run` and `config` let the command line decide: each of these wins over `snow.toml`.

use std::path::{self, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use snow_config::{AdminListen, Cache, Listen, LogFormat, Overrides, WORKERS_MAX};

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Where to listen: ADDRESS:PORT (port 0 takes a free one), or fd:N for a socket left open by a parent; may be
    /// given several times [default: 127.0.0.1:8080]
    #[arg(long)]
    listen: Vec<Listen>,
    /// Threads that serve [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS_MAX)))]
    workers: Option<u16>,
    /// Do not log each answered request
    #[arg(long)]
    no_access_log: bool,
    /// How the log looks [default: text]
    #[arg(long, value_parser = log_format_parser())]
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
    #[command(flatten)]
    cache: CacheFlags,
}

/// Where compiled code is kept.
#[derive(Debug, Args)]
pub(super) struct CacheFlags {
    /// The folder in which compiled guests are kept from one start to the next
    ///
    /// [default: $XDG_CACHE_HOME/snow-host or ~/.cache/snow-host]. It is made if it is not there. Only this user may
    /// have any right to it, since code in it is run. Several hosts may share it. It is bounded by `cache_bytes_max` in
    /// snow.toml, 1 GiB.
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
    /// Compile the guests at each start, and keep nothing
    #[arg(long)]
    no_cache: bool,
}

impl CacheFlags {
    /// Absolute, as snow.toml wants it.
    pub fn cache(self) -> Option<Cache> {
        let folder = self.cache.map(|folder| Cache::Folder(path::absolute(&folder).unwrap_or(folder)));
        if self.no_cache { Some(Cache::Off) } else { folder }
    }
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
            cache: self.cache.cache(),
        }
    }
}

/// Takes the name of a format; the help lists them.
fn log_format_parser() -> impl TypedValueParser<Value = LogFormat> {
    let help = |format| match format {
        LogFormat::Text => "For people",
        LogFormat::Json => "One JSON object a line",
    };
    let all = LogFormat::ALL.map(|format| PossibleValue::new(format.name()).help(help(format)));
    PossibleValuesParser::new(all).try_map(|name| name.parse::<LogFormat>())
}

/// Parses an address. A path is made absolute, as snow.toml wants it, so that what `config` prints can be saved; unless
/// it is too long then.
fn parse_admin(text: &str) -> Result<AdminListen, String> {
    let admin: AdminListen = text.parse()?;
    let AdminListen::Unix(path) = &admin else { return Ok(admin) };
    let absolute = path::absolute(path).ok().and_then(|path| format!("unix:{}", path.display()).parse().ok());
    Ok(absolute.unwrap_or(admin))
}
