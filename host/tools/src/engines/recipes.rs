//! The source files of the engines, as this program contains them.

use super::EngineRecipe;

/// Includes the files of an engine: their paths in its folder. The contract lies beside them, in
/// `wit/`.
macro_rules! embedded {
    ($folder:literal, $($path:literal),+ $(,)?) => {
        &[
            $(($path, include_str!(concat!("../../../../guest-sdk/", $folder, "/engine/", $path))),)+
            ("wit/engine.wit", include_str!("../../../../wit/engine.wit")),
            ("wit/snow.wit", include_str!("../../../../wit/snow.wit")),
        ]
    };
}

/// All engines. A unit test compares the lists with the repository.
pub(super) const ALL: &[EngineRecipe] = &[];
