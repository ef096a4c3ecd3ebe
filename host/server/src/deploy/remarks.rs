//! What a deployer has perhaps overlooked.

use std::collections::BTreeSet;

use snow_config::{GuestConfig, GuestConfigs, manifest};
use snow_guests::Deployment;
use snow_runtime::Level;

/// A table that no guest has, guests that may use no key. Of a single guest's file, its neighbours' tables may lie beside
/// it: then `is_folder` is false.
pub(super) fn remarks(
    deployment: &Deployment,
    tables: &GuestConfigs,
    left_out: &BTreeSet<String>,
    is_folder: bool,
) -> Vec<(Level, String)> {
    let guest_names = || deployment.versions.iter().map(|version| &*version.guest.name);
    let file = manifest::FILE_NAME;
    let is_there = |name: &str| guest_names().any(|guest| guest == name) || left_out.contains(name);
    let mut remarks = Vec::new();
    for name in tables.keys().filter(|name| is_folder && !is_there(name)) {
        let near = manifest::suggestion(name, guest_names().filter(|guest| !tables.contains_key(*guest)));
        let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        let message = format!("[guest.{name}] of {file} says something of a guest that is not there{near}");
        remarks.push((Level::Warn, message));
    }
    let granted = |name: &str| tables.get(name).is_some_and(GuestConfig::has_grants);
    let without: Vec<&str> = guest_names().filter(|name| !granted(name)).collect();
    if tables.values().any(GuestConfig::has_grants) && !without.is_empty() {
        let names = without.join(", ");
        let message = format!("{file} grants something to some guests, and so no key to the others: {names}");
        remarks.push((Level::Info, message));
    }
    remarks
}
