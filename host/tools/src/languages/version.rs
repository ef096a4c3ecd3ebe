//! Versions of compilers, as they print them.

use std::fmt;

/// The beginning of a version, which is enough to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u32, pub u32);

impl Version {
    /// Reads the version in what a compiler prints, such as `0.17.1`, `go1.27.3` or `devel
    /// go1.28-0123abc`; `None` if there is none.
    pub(super) fn find(printed: &[u8]) -> Option<Version> {
        let text = str::from_utf8(printed).ok()?;
        text.split_whitespace().find_map(|word| {
            let mut numbers = word.strip_prefix("go").unwrap_or(word).split(['.', '-', '+']);
            // `28rc1` is a version as well.
            let digits =
                |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let mut number = || {
                let text = numbers.next()?;
                text[..digits(text)].parse().ok()
            };
            Some(Version(number()?, number()?))
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version(major, minor) = self;
        write!(f, "{major}.{minor}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_and_compared() {
        for (printed, expected) in [
            ("0.17.1\n", Some(Version(0, 17))),
            ("0.18.0-dev.12+0123abc\n", Some(Version(0, 18))),
            ("go1.27.3\n", Some(Version(1, 27))),
            ("go1.24\n", Some(Version(1, 24))),
            ("devel go1.28-0123abc\n", Some(Version(1, 28))),
            ("go1.28rc1\n", Some(Version(1, 28))),
            ("unknown\n", None),
            ("", None),
        ] {
            assert_eq!(Version::find(printed.as_bytes()), expected, "{printed:?}");
        }
        assert!(Version(1, 9) < Version(1, 24) && Version(0, 17) < Version(1, 0));
        assert_eq!(Version(0, 17).to_string(), "0.17");
    }
}
