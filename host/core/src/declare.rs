//! The declaration of settings: what a deployer may write in `snow.toml`, each in exactly one
//! place.
//!
//! [`declare_settings!`](crate::declare_settings) takes a struct whose fields are settings, and
//! reads like a struct. A field has a doc comment (editors show it), a type, a default, and whether
//! a change is `live` or needs a `restart`. A number may also have a range (`in`), and a limit that
//! it can't be above (`at_most`).
//!
//! ```
//! use snow_core::declare::{HasSettings, Setting, Visit};
//!
//! snow_core::declare_settings! {
//!     /// How a shop is run.
//!     #[derive(Debug)]
//!     pub struct Shop {
//!         /// Customers at one time.
//!         pub customers_max: u32 = 10, live, in 1..=100;
//!         /// Whether it is open on Sundays.
//!         pub sundays: bool, restart;
//!     }
//! }
//!
//! assert_eq!(Shop::default().customers_max, 10);
//!
//! /// Collects the name and the documentation of each setting, whatever its type.
//! struct Lines(Vec<String>);
//!
//! impl<V, K> Visit<Shop, V, K> for Lines {
//!     fn visit(&mut self, setting: Setting<Shop, V>) {
//!         self.0.push(format!("{}: {}", setting.about.name, setting.about.doc));
//!     }
//! }
//!
//! let mut lines = Lines(Vec::new());
//! Shop::visit_settings(&mut lines);
//! assert_eq!(lines.0[0], "customers_max: Customers at one time.");
//! assert_eq!(lines.0[1], "sundays: Whether it is open on Sundays.");
//! ```
//!
//! This module knows nothing of files. Code that reads or prints settings implements [`Visit`] for
//! the types that it can handle, and the compiler refuses a setting of any other type.

use std::ops::RangeInclusive;

/// The most milliseconds of a setting: 49 days, as many as the 32 bits of the guests' contract
/// hold.
pub const MS_MAX: u64 = u32::MAX as u64;
/// The most bytes of a setting about memory: 4 GiB, as many as 32-bit WebAssembly can address.
pub const BYTES_MAX: u64 = 1 << 32;

/// The description of a setting: all but its value.
#[derive(Clone, Debug)]
pub struct About {
    /// The name of the field, which is also the key in the file.
    pub name: &'static str,
    /// The doc comment of the field, as one line.
    pub doc: &'static str,
    /// Whether a change takes effect while the server runs, and not only at the next start.
    pub is_live: bool,
    /// The values that a number may have. Without meaning for other types.
    pub range: RangeInclusive<u64>,
    /// The name of the limit that this setting can't be above, if there is one.
    pub at_most: Option<&'static str>,
}

/// A setting: a field of type `V` in a struct `T`.
pub struct Setting<T, V> {
    /// The description of the setting.
    pub about: About,
    /// Borrows the field.
    pub get: fn(&T) -> &V,
    /// Borrows the field to change it.
    pub get_mut: fn(&mut T) -> &mut V,
}

/// Visits the settings of a struct `T` that have the type `V`. `K` is what such a value may be: the
/// type itself, unless the declaration says otherwise (`pub path: String, live, as Mount;`).
pub trait Visit<T, V, K> {
    /// Visits a setting.
    fn visit(&mut self, setting: Setting<T, V>);
}

/// A struct whose settings can be visited. Implemented by
/// [`declare_settings!`](crate::declare_settings).
pub trait HasSettings<Visitor>: Sized {
    /// Calls the visitor with each setting, in the order of the declaration.
    fn visit_settings(visitor: &mut Visitor);
}

/// Declares a struct of settings with its `Default`, and implements
/// [`HasSettings`](crate::declare::HasSettings) for it. The [module](crate::declare) has an
/// example.
///
/// Each field has at least one line of documentation, and the form `pub NAME: TYPE = DEFAULT, live,
/// as KIND, in RANGE, at_most LIMIT;`, or `restart` instead of `live`. Without `=`, the default is
/// that of the type; without `as`, the kind is the type. `in` and `at_most` may be left out too.
/// Fields that have settings themselves come first, in `parts { }`.
#[macro_export]
macro_rules! declare_settings {
    (
        $(#[$attribute:meta])*
        pub struct $Struct:ident {
            $(parts {$( $(#[doc = $part_doc:literal])+ pub $part:ident: $part_type:ty; )*})?
            $(
                $(#[doc = $doc:literal])+
                pub $name:ident: $type:ty $(= $default:expr)?, $when:ident
                    $(, as $kind:ty)? $(, in $range:expr)? $(, at_most $limit:ident)?;
            )*
        }
    ) => {
        $(#[$attribute])*
        pub struct $Struct {
            $($( $(#[doc = $part_doc])+ pub $part: $part_type, )*)?
            $( $(#[doc = $doc])+ pub $name: $type, )*
        }

        impl Default for $Struct {
            fn default() -> Self {
                $Struct {
                    $($( $part: Default::default(), )*)?
                    $( $name: $crate::declare_settings!(@default $($default)?), )*
                }
            }
        }

        impl<Visitor> $crate::declare::HasSettings<Visitor> for $Struct
        where
            $( Visitor: $crate::declare::Visit<$Struct, $type, $crate::declare_settings!(@kind $type $(as $kind)?)>, )*
        {
            fn visit_settings(visitor: &mut Visitor) {$(
                $crate::declare::Visit::<
                    $Struct, $type, $crate::declare_settings!(@kind $type $(as $kind)?)
                >::visit(visitor, $crate::declare::Setting {
                    about: $crate::declare::About {
                        name: stringify!($name),
                        doc: concat!($($doc),+).trim_ascii(),
                        is_live: $crate::declare_settings!(@is_live $when),
                        range: $crate::declare_settings!(@range $($range)?),
                        at_most: $crate::declare_settings!(@at_most $($limit)?),
                    },
                    get: |of| &of.$name,
                    get_mut: |of| &mut of.$name,
                });
            )*}
        }
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@kind $type:ty) => { $type };
    (@kind $type:ty as $kind:ty) => { $kind };
    (@is_live live) => { true };
    (@is_live restart) => { false };
    (@range) => { 0..=u64::MAX };
    (@range $range:expr) => { $range };
    (@at_most) => { None };
    (@at_most $limit:ident) => { Some(stringify!($limit)) };
}
