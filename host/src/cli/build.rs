//! `snow-host build`: sources become guests.

use std::io;
use std::path::Path;

use crate::build_guests;

pub(super) fn build(guests: &Path) -> anyhow::Result<()> {
    build_guests::build(guests, &mut io::stderr())?;
    Ok(())
}
