//! The databases that guests may be granted.

use std::collections::BTreeMap;
use std::sync::Arc;

use snow_config::{DatabaseConfigs, Limits};
use snow_runtime::Database;

/// Databases by their names.
pub(super) type DatabasesByName = Arc<BTreeMap<Arc<str>, Arc<Database>>>;

/// Returns the databases of their tables. One that is as `before` stays the same: its connections
/// are closed once nobody has it any more.
pub(super) fn of(
    configs: &DatabaseConfigs,
    limits: &Limits,
    before: &DatabasesByName,
) -> DatabasesByName {
    let database = |(name, config): (&String, _)| {
        let new = Database::new(name, config, limits)?;
        let known = before.get(&new.name).filter(|known| ***known == new);
        Some((new.name.clone(), known.cloned().unwrap_or_else(|| Arc::new(new))))
    };
    Arc::new(configs.iter().filter_map(database).collect())
}
