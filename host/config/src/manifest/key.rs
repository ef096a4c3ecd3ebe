//! The keys of a table: its settings, whatever the types of their values.

use serde_json::Value as Json;
use toml::de::DeTable;

use super::kind::Kind;
use super::reader::{Reader, Toml};
use snow_core::declare::{About, HasSettings, Setting, Visit};

/// A setting of a table that is read into a `T`.
pub(super) trait Key<T>: Send + Sync {
    /// Returns its name and all else that is declared.
    fn about(&self) -> &About;

    /// Reads a value into its field. Returns whether the value can be read; if it can't, the reader
    /// has the reasons.
    fn read(&self, reader: &mut Reader<'_>, value: &Toml<'_>, into: &mut T) -> bool;

    /// Returns the JSON Schema of its values.
    fn schema(&self) -> Json;

    /// Returns its value as JSON that means the same in TOML; null if it is not set.
    fn json(&self, of: &T) -> Json;

    /// Copies its value.
    fn copy(&self, from: &T, to: &mut T);

    /// Lowers its value to `most` if it is above.
    fn cut(&self, of: &mut T, most: u64);
}

/// The keys of a table, in the order of their declaration.
pub(super) type Keys<T> = Vec<Box<dyn Key<T>>>;

/// A setting of `Part`, which is a part of the `T` into which the table is read.
struct Field<T, Part, K: Kind> {
    setting: Setting<Part, K::Value>,
    part: fn(&T) -> &Part,
    part_mut: fn(&mut T) -> &mut Part,
}

impl<T, Part: 'static, K: Kind> Field<T, Part, K> {
    fn get<'t>(&self, of: &'t T) -> &'t K::Value {
        (self.setting.get)((self.part)(of))
    }

    fn get_mut<'t>(&self, of: &'t mut T) -> &'t mut K::Value {
        (self.setting.get_mut)((self.part_mut)(of))
    }
}

impl<T, Part: 'static, K: Kind> Key<T> for Field<T, Part, K> {
    fn about(&self) -> &About {
        &self.setting.about
    }

    fn read(&self, reader: &mut Reader<'_>, value: &Toml<'_>, into: &mut T) -> bool {
        let About { name, range, .. } = self.about();
        K::read(reader, name, range, value).map(|value| *self.get_mut(into) = value).is_some()
    }

    fn schema(&self) -> Json {
        K::schema(&self.about().range)
    }

    fn json(&self, of: &T) -> Json {
        K::json(self.get(of))
    }

    fn copy(&self, from: &T, to: &mut T) {
        self.get_mut(to).clone_from(self.get(from));
    }

    fn cut(&self, of: &mut T, most: u64) {
        K::cut(self.get_mut(of), most);
    }
}

/// Collects the settings of a `Part` as keys of a `T`.
pub(super) struct Collector<T, Part> {
    keys: Keys<T>,
    part: fn(&T) -> &Part,
    part_mut: fn(&mut T) -> &mut Part,
}

impl<T: 'static, Part: 'static, K: Kind + 'static> Visit<Part, K::Value, K> for Collector<T, Part> {
    fn visit(&mut self, setting: Setting<Part, K::Value>) {
        let Collector { part, part_mut, .. } = *self;
        self.keys.push(Box::new(Field::<T, Part, K> { setting, part, part_mut }));
    }
}

/// Returns the settings of a part of a `T`, as keys of its table.
pub(super) fn keys_of<T, Part>(part: fn(&T) -> &Part, part_mut: fn(&mut T) -> &mut Part) -> Keys<T>
where
    Part: HasSettings<Collector<T, Part>>,
{
    let mut collector = Collector { keys: Vec::new(), part, part_mut };
    Part::visit_settings(&mut collector);
    collector.keys
}

/// Finds a key by its name.
pub(super) fn find<'k, T>(keys: &'k Keys<T>, name: &str) -> Option<&'k dyn Key<T>> {
    keys.iter().find(|key| key.about().name == name).map(|key| &**key)
}

/// Returns the names of the keys.
pub(super) fn names<T>(keys: &Keys<T>) -> impl Iterator<Item = &'static str> {
    keys.iter().map(|key| key.about().name)
}

/// Reads the table `[place]` into a value; fields that are not written stay as they are.
pub(super) fn read<T>(
    reader: &mut Reader<'_>,
    place: &str,
    table: &DeTable<'_>,
    keys: &Keys<T>,
    into: &mut T,
) {
    for (written, value) in table {
        match find(keys, written.get_ref()) {
            Some(key) => read_one(reader, place, value, key, into),
            None => reader.unknown(&format!("[{place}]"), written, names(keys)),
        }
    }
}

/// Reads the value of one key, and remembers where it stands.
pub(super) fn read_one<T>(
    reader: &mut Reader<'_>,
    place: &str,
    value: &Toml<'_>,
    key: &dyn Key<T>,
    into: &mut T,
) {
    if key.read(reader, value, into) {
        reader.wrote(place, key.about().name, value.span());
    }
}
