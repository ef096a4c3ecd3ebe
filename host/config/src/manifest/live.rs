//! A manifest that changes while the server runs: what takes effect, and what has to wait for the next start.

use super::bounds::{self, Exceeding};
use super::key::{Row, rows};
use super::{Manifest, limits, tables};

/// What of a new manifest can't take effect while the server runs with the old one, a line each, for the log. Both with
/// the command line's overrides applied.
pub fn restart_only(old: &Manifest, new: &Manifest) -> Vec<String> {
    let server = |manifest: &Manifest| rows(&tables::SERVER, "ServerConfig", &manifest.server);
    let both = |of: &dyn Fn(&Manifest) -> Vec<Row>| of(old).into_iter().zip(of(new)).collect::<Vec<_>>();
    let changed = [both(&server), both(&|manifest| limits::rows(&manifest.limits))].into_iter().flatten();
    let changed = changed.filter(|(old, new)| !new.live && old.value != new.value);
    let mut lines: Vec<String> = changed.map(|(old, new)| line(new.name, &new.value, "now", &old.value)).collect();
    for (guest, config) in &new.guests {
        for Exceeding { name, value, bound, most } in bounds::exceeding(config, &old.limits) {
            if !limits::is_live(bound) {
                lines.push(line(&format!("{name}` of `[guest.{guest}]"), &value, "until then", &most));
            }
        }
    }
    lines
}

fn line(name: &str, new: &dyn std::fmt::Display, when: &str, old: &dyn std::fmt::Display) -> String {
    format!("`{name}` is {new} in {} and takes effect at the next start ({when} {old})", super::FILE_NAME)
}

impl Manifest {
    /// What takes effect of this manifest while the server runs with another: all but what [`restart_only`] tells, which
    /// stays as it runs. Guests' own limits are cut to fit in.
    pub fn live(&self, running: &Manifest) -> Manifest {
        let mut live = self.clone();
        for key in tables::SERVER.iter().filter(|key| !key.live) {
            (key.copy)(&running.server, &mut live.server);
        }
        limits::keep_restart_only(&mut live.limits, &running.limits);
        limits::fit(&mut live.limits);
        live.guests.values_mut().for_each(|config| bounds::fit(config, &live.limits));
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(restart_only(&old, &new.live(&old)), [""; 0], "what takes effect has nothing to wait for");
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
        assert_eq!((live.server.workers, live.server.access_log, live.limits.drain_ms), (2, false, 1));
        assert_eq!((live.limits.pendings_max, live.limits.guest_pendings_max), (100, 100));
        assert_eq!(live.rollback, new.rollback);
        let a = &live.guests["a"];
        assert_eq!((a.memory_bytes_max, a.pendings_max, a.body_bytes_max), (Some(64 << 20), Some(100), Some(9)));
        assert!(a.mount == new.guests["a"].mount && live.guests.len() == 1);
        assert_eq!(old.live(&old), old);
    }
}
