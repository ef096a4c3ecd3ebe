//! A manifest that changes while the server runs: which settings take effect, and which wait for
//! the next start.

use std::fmt::Display;

use super::bounds;
use super::key::Keys;
use super::tables::{self, DATABASE, GUEST, LIMITS, SERVER};
use super::{FILE_NAME, Manifest};
use crate::config::Limits;

/// Returns a line for the log for each setting of a new manifest that can't take effect while the
/// server runs with the old one. The overrides of the command line must be applied to both.
pub fn restart_only(old: &Manifest, new: &Manifest) -> Vec<String> {
    let mut lines = waiting(&SERVER, &old.server, &new.server);
    lines.extend(waiting(&LIMITS, &old.limits, &new.limits));
    for (guest, config) in &new.guests {
        lines.extend(lowered(&format!("guest.{guest}"), &GUEST, config, &old.limits));
    }
    for (database, config) in &new.databases {
        lines.extend(lowered(&format!("database.{database}"), &DATABASE, config, &old.limits));
    }
    lines
}

/// The lines for the settings of one guest or database that are above a limit of the start.
fn lowered<T>(table: &str, keys: &Keys<T>, config: &T, limits: &Limits) -> Vec<String> {
    let exceeding = bounds::exceeding(keys, config, limits).into_iter();
    let waiting = exceeding.filter(|found| !tables::limit(found.bound).about().is_live);
    let said = |found: bounds::Exceeding| {
        line(&format!("{}` of `[{table}]", found.name), &found.value, "until then", &found.most)
    };
    waiting.map(said).collect()
}

/// The lines for the settings of one table.
fn waiting<T>(keys: &Keys<T>, old: &T, new: &T) -> Vec<String> {
    let keys = keys.iter().filter(|key| !key.about().is_live);
    let values = keys.map(|key| (key.about().name, key.json(old), key.json(new)));
    values
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| line(name, &new, "now", &old))
        .collect()
}

fn line(name: &str, new: &dyn Display, when: &str, old: &dyn Display) -> String {
    format!("`{name}` is {new} in {FILE_NAME} and takes effect at the next start ({when} {old})")
}

impl Manifest {
    /// Returns this manifest as far as it can take effect while the server runs with another: the
    /// settings that [`restart_only`] reports stay as they are in `running`, and guests' own limits
    /// are lowered to fit in.
    pub fn live(&self, running: &Manifest) -> Manifest {
        let mut live = self.clone();
        keep(&SERVER, &running.server, &mut live.server);
        keep(&LIMITS, &running.limits, &mut live.limits);
        let limits = live.limits.clone();
        bounds::fit(&LIMITS, &mut live.limits, &limits);
        live.guests.values_mut().for_each(|config| bounds::fit(&GUEST, config, &live.limits));
        let databases = live.databases.values_mut();
        databases.for_each(|config| bounds::fit(&DATABASE, config, &live.limits));
        live
    }
}

/// Copies the settings that can't change while the server runs.
fn keep<T>(keys: &Keys<T>, running: &T, live: &mut T) {
    keys.iter().filter(|key| !key.about().is_live).for_each(|key| key.copy(running, live));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HalfClose;
    use crate::manifest::parse;

    fn manifest(text: &str) -> Manifest {
        parse(text, "snow.toml").unwrap()
    }

    #[test]
    fn what_has_to_wait_is_said_with_both_values() {
        let old = manifest("[server]\nworkers = 2\n");
        let new = manifest(
            "[server]\nworkers = 4\nlisten = ['127.0.0.1:1', 'fd:3']\naccess_log = false\nwatch = false\n\
             [limits]\npendings_max = 7\ndrain_ms = 1\ncall_memory_bytes_max = 134217728\n\
             [guest.a]\nmemory_bytes_max = 100000000\npendings_max = 5\n",
        );
        let lines = [
            "`listen` is [\"127.0.0.1:1\",\"fd:3\"] in snow.toml and takes effect at the next start (now \"127.0.0.1:8080\")",
            "`workers` is 4 in snow.toml and takes effect at the next start (now 2)",
            "`watch` is false in snow.toml and takes effect at the next start (now true)",
            "`call_memory_bytes_max` is 134217728 in snow.toml and takes effect at the next start (now 67108864)",
            "`pendings_max` is 7 in snow.toml and takes effect at the next start (now 4194304)",
            "`memory_bytes_max` of `[guest.a]` is 100000000 in snow.toml and takes effect at the next start (until then \
             67108864)",
        ];
        assert_eq!(restart_only(&old, &new), lines);
        assert_eq!(restart_only(&new, &new), [""; 0]);
        assert_eq!(
            restart_only(&old, &new.live(&old)),
            [""; 0],
            "what takes effect has nothing to wait for"
        );
    }

    #[test]
    fn the_rest_takes_effect() {
        let old = manifest("[server]\nworkers = 2\n[limits]\npendings_max = 100\n[guest.b]\n");
        let new = manifest(
            "rollback = false\n[server]\nworkers = 4\naccess_log = false\n[limits]\npendings_max = 700\ndrain_ms = 1\n\
             call_memory_bytes_max = 134217728\n\
             [guest.a]\nmemory_bytes_max = 100000000\npendings_max = 500\nbody_bytes_max = 9\nmount = '/a'\n",
        );
        let live = new.live(&old);
        assert_eq!(
            (live.server.workers, live.server.access_log, live.limits.drain_ms),
            (2, false, 1)
        );
        assert_eq!((live.limits.pendings_max, live.limits.guest_pendings_max), (100, 100));
        assert_eq!(live.rollback, new.rollback);
        let a = &live.guests["a"];
        assert_eq!(
            (a.memory_bytes_max, a.pendings_max, a.body_bytes_max),
            (Some(64 << 20), Some(100), Some(9))
        );
        assert!(a.mount == new.guests["a"].mount && live.guests.len() == 1);
        assert_eq!(old.live(&old), old);
    }

    #[test]
    fn every_limit_either_changes_or_waits_for_a_restart() {
        for key in LIMITS.iter() {
            let (running, mut new) = (Manifest::default(), Manifest::default());
            key.cut(&mut new.limits, 1);
            // The only one that is no number.
            if key.about().name == "half_close" {
                new.limits.half_close = HalfClose::Waits;
            }
            keep(&LIMITS, &running.limits, &mut new.limits);
            assert_eq!(
                new.limits == Limits::default(),
                !key.about().is_live,
                "{}",
                key.about().name
            );
        }
    }
}
