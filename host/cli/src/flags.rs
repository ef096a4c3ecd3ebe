//! Flags of `run`, `dev` and `config`. Each overrides a setting of `snow.toml`.

use std::path::{self, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use snow_config::{
    AdminListen, Cache, EXECUTORS_MAX, Listen, LogFormat, Overrides, ValueOverride, WORKERS_MAX,
};

/// Flags of a server.
#[derive(Debug, Args)]
pub(crate) struct ServerFlags {
    /// Where to listen: ADDRESS:PORT (port 0 takes any free port), or fd:N for an inherited socket;
    /// may be repeated [default: 127.0.0.1:8080]
    #[arg(long)]
    listen: Vec<Listen>,
    /// The number of threads that serve [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS_MAX)))]
    workers: Option<u16>,
    /// The number of threads that run jobs [default: one for each core, at least 2]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(EXECUTORS_MAX)))]
    executors: Option<u16>,
    /// Do not log each answered request
    #[arg(long)]
    no_access_log: bool,
    /// The format of the log [default: text]
    #[arg(long, value_parser = log_format_parser())]
    log: Option<LogFormat>,
    /// Where to serve metrics and the state of the host: ADDRESS:PORT, or unix:PATH [default:
    /// nowhere]
    #[arg(long, value_parser = parse_admin)]
    admin: Option<AdminListen>,
    /// Do not start if a guest can't be loaded, or if two guests have the same route
    #[arg(long)]
    strict: bool,
    /// Do not watch the folder: changes of guests and of snow.toml have no effect until a restart
    #[arg(long)]
    no_watch: bool,
    /// The folder that keeps what guests store [default: nowhere: it ends with the process]
    ///
    /// It is made if it does not exist, and one process can use it at a time.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    values: ValueFlags,
    #[command(flatten)]
    cache: CacheFlags,
}

/// Flags about what guests read by `wasi:config`.
#[derive(Debug, Args)]
pub(crate) struct ValueFlags {
    /// Give a guest a value for its configuration, or every guest (KEY=VALUE); may be repeated
    ///
    /// It wins over [guest.NAME.config] in snow.toml. Other users of this machine can see the
    /// command line, so it is no place for secrets.
    #[arg(long = "config", value_name = "[GUEST.]KEY=VALUE")]
    pub values: Vec<ValueOverride>,
}

/// Flags about compiled code.
#[derive(Debug, Args)]
pub(crate) struct CacheFlags {
    /// The folder that keeps compiled guests from one start to the next
    ///
    /// [default: $XDG_CACHE_HOME/snow-host or ~/.cache/snow-host]. It is made if it does not exist.
    /// No other user may have any right to it, because code in it is executed. Several hosts may
    /// share it. `cache_bytes_max` in snow.toml limits its size to 1 GiB.
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
    /// Compile the guests at each start, and keep no compiled code
    #[arg(long)]
    no_cache: bool,
}

impl CacheFlags {
    /// Returns the cache that the flags ask for, if they do. A folder is made absolute, as in
    /// snow.toml.
    pub fn cache(self) -> Option<Cache> {
        let folder =
            self.cache.map(|folder| Cache::Folder(path::absolute(&folder).unwrap_or(folder)));
        if self.no_cache { Some(Cache::Off) } else { folder }
    }
}

impl ServerFlags {
    /// Returns the settings that the flags override.
    pub fn overrides(self) -> Overrides {
        Overrides {
            listen: (!self.listen.is_empty()).then_some(self.listen),
            workers: self.workers,
            executors: self.executors,
            access_log: self.no_access_log.then_some(false),
            log: self.log,
            admin: self.admin,
            watch: self.no_watch.then_some(false),
            strict: self.strict.then_some(true),
            cache: self.cache.cache(),
            // Absolute, as in snow.toml.
            data: self.data.map(|folder| path::absolute(&folder).unwrap_or(folder)),
            values: self.values.values,
            reads_dotenv: false,
            never_roll_back: false,
        }
    }
}

/// Returns the parser of `--log`, which takes the name of a format. The help lists the formats.
fn log_format_parser() -> impl TypedValueParser<Value = LogFormat> {
    let help = |format| match format {
        LogFormat::Text => "For people",
        LogFormat::Json => "One JSON object a line",
    };
    let all = LogFormat::ALL.map(|format| PossibleValue::new(format.name()).help(help(format)));
    PossibleValuesParser::new(all).try_map(|name| name.parse::<LogFormat>())
}

/// Parses the address of the admin listener. A path is made absolute, unless it is too long then:
/// so the output of `snow-host config` can be saved as snow.toml, which takes only absolute paths.
fn parse_admin(text: &str) -> Result<AdminListen, String> {
    let admin: AdminListen = text.parse()?;
    let AdminListen::Unix(path) = &admin else { return Ok(admin) };
    let absolute =
        path::absolute(path).ok().and_then(|path| format!("unix:{}", path.display()).parse().ok());
    Ok(absolute.unwrap_or(admin))
}
