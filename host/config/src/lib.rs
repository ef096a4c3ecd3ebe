//! How a server is started.

#![forbid(unsafe_code)]

mod config;
pub mod manifest;
mod settings;

pub use self::config::{
    AdminListen, Cache, CompileConfig, Config, GuestConfig, GuestConfigs, Instances, LISTENERS_MAX, Limits, Listen,
    LogFormat, Overrides, Rollback, ServerConfig, TurnLimits, WORKERS_MAX, WatchLimits,
};
pub use self::settings::{Settings, SettingsError, file_of};
pub use snow_http::HttpLimits;
