//! Writes a new guest: a file and its cases.

use std::borrow::Cow;
use std::path::Path;

use crate::languages::files::Files;

// The template's files. `NAME` in them stands for the guest's name.
const GUEST: &str = include_str!("template/guest.py");
const CASES: &str = include_str!("template/cases.toml");

/// Refuses the name of the module that guests import. A module in a guest's folder could not import
/// the guest by it.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    match name {
        "snow" => Err("guests import the module snow. How about `my-snow`?".to_owned()),
        _ => Ok(()),
    }
}

/// Writes `guests/NAME.py` and `guests/NAME.test.toml`. The guest comes last, because a host that
/// watches the folder serves it at once.
pub(super) fn write(guests: &Path, name: &str) -> anyhow::Result<()> {
    let named = |text: &'static str| Cow::Owned(text.replace("NAME", name));
    let file = |ending: &str| Cow::Owned(format!("{name}.{ending}"));
    Files(vec![(file("test.toml"), named(CASES)), (file("py"), named(GUEST))]).write_beside(guests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_name_is_refused() {
        assert!(check_name("snow").unwrap_err().contains("How about"));
        assert_eq!(check_name("shop"), Ok(()));
    }
}
