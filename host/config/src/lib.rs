//! How a server is configured: limits, settings, and the manifest `snow.toml`.
//!
//! Nothing here opens a socket or reads a clock. Only [`Settings::read`] and
//! [`Settings::written`] read files, and only the first of them the environment.
//!
//! # A setting is declared once
//!
//! A *setting* is a key that a deployer may write into `snow.toml`. It is a field of one of seven
//! structs: [`ServerConfig`], [`Limits`], [`HttpLimits`], [`StoreLimits`], [`GuestConfig`],
//! [`DatabaseConfig`] and [`Manifest`](manifest::Manifest). The field's doc comment, type, default and range, and whether
//! a change takes effect while the server runs, stand in one place, in the macro
//! [`declare_settings!`](snow_core::declare_settings). Reading, checking, printing and the JSON
//! Schema follow from the declaration.
//!
//! A *limit* is a setting that is a number with a unit. The unit is in its name:
//! `body_bytes_max`, `drain_ms`. [`TurnLimits`] and [`WatchLimits`] are not settings: nobody has
//! had a reason to change them.
//!
//! # From the file to a server
//!
//! [`manifest::parse`] takes the text of `snow.toml` and returns all that is wrong with it at once,
//! each problem with its line and column:
//!
//! ```
//! use snow_config::manifest;
//!
//! let text = "[limits]\npendings_max = 10\n\n[guest.shop]\nmount = '/shop'\n";
//! let parsed = manifest::parse(text, "snow.toml").expect("it has no mistake");
//! assert_eq!(parsed.limits.pendings_max, 10);
//! assert_eq!(parsed.guests["shop"].mount.as_deref(), Some("/shop"));
//!
//! let wrong = manifest::parse("[limits]\npendings_mx = 10\n", "snow.toml").unwrap_err();
//! assert!(wrong.to_string().starts_with("snow.toml:2:1: "));
//! assert!(wrong.to_string().contains("did you mean `pendings_max`?"));
//! ```
//!
//! [`Settings::read`] reads the file beside the guests and puts the command line's [`Overrides`]
//! over it. [`Settings::into_config`] makes a [`Config`] of that, which is all that a server is
//! started with:
//!
//! ```
//! use snow_config::{Overrides, Settings};
//!
//! let overrides = Overrides { workers: Some(2), ..Overrides::default() };
//! let settings = Settings::read("no-such-folder".as_ref(), &overrides).expect("no file is no error");
//! let config = settings.into_config("no-such-folder".into(), overrides);
//! assert_eq!(config.server.workers, 2);
//! ```
//!
//! # Guarantees
//!
//! - A manifest is taken whole or not at all: one mistake, and none of it is in force.
//! - What [`manifest::as_toml`] prints can be read again, and means the same.
//! - The command line wins over the file, also over a file that changes later.
//!
//! # Non-guarantees
//!
//! - A manifest that parses may still name guests that do not exist, or an address that another
//!   program has. The server finds out.

#![forbid(unsafe_code)]

mod config;
mod lookup;
pub mod manifest;
mod settings;

pub use self::config::{
    ADDED_BYTES_MAX, AddedField, AdminListen, Cache, CompileConfig, Config, ConfigValue,
    ConfigValues, DatabaseConfig, DatabaseConfigs, DatabasePlace, DatabaseUrl, Dialect, DirectHost,
    DirectHosts, EXECUTORS_MAX, GuestConfig, GuestConfigs, HalfClose, Instances, LISTENERS_MAX,
    Limits, Listen, LogFormat, OutboundRule, OutboundRules, Overrides, Rollback, Secret,
    ServerAddress, ServerConfig, ServerPlace, TurnLimits, ValueOverride, ValueSource, WORKERS_MAX,
    WatchLimits,
};
pub use self::lookup::NamedFiles;
pub use self::settings::{Settings, SettingsError, file_of};
pub use snow_http::HttpLimits;
pub use snow_jobs::{JobLimits, Schedule, Times};
pub use snow_state::StoreLimits;
