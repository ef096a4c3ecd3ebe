//! A slab in chunks: values that never move, and keys that never name a later value.
//!
//! A `Vec` and a hash map double by copying all they hold, which would stop the worker's loop in
//! proportion to the number of held requests. A slab grows by one chunk of at most 14 KiB instead.
//! It frees a chunk that has emptied, so that memory falls again after a wave of requests.
//!
//! Slot numbers run through the chunks: slot `n` lies in chunk `n / CHUNK_SLOTS`, at place `n %
//! CHUNK_SLOTS`. A freed chunk keeps its number, and with it its range of slots.

use std::collections::BTreeSet;

/// The most bytes in a chunk: the largest of jemalloc's small size classes, so that nothing is lost
/// to rounding. Jemalloc shifts larger blocks by up to a page, for the cache's sake, which would
/// cost a quarter of a 16 KiB block.
const CHUNK_BYTES: usize = 14 << 10;
/// The most slots in a chunk: a place within a chunk is numbered by one byte.
const CHUNK_SLOTS_MAX: usize = 256;

/// Vacant slots that cost a walk as much as one value. They lie side by side.
const VACANT_PER_VALUE: u32 = 16;

/// Names one value in a [`Slab`]. After the value is removed, its key finds nothing, although the
/// slot is used again (until the slot's 32-bit generation wraps).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The number of the slot.
    pub slot: u32,
    /// Tells apart the values that lie in the slot one after another.
    pub generation: u32,
}

impl Key {
    /// Returns the key as one word, for the token of an event source.
    #[inline]
    pub fn to_bits(self) -> u64 {
        u64::from(self.slot) | u64::from(self.generation) << 32
    }

    /// Returns the key that [`Key::to_bits`] turned into a word.
    #[inline]
    pub fn from_bits(bits: u64) -> Key {
        Key { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// A part of a way through all values of a [`Slab`]. A slab may have very many slots and few values,
/// so a loop's step does a part of the way, and the next one goes on from where that [rests](Walk::rest).
///
/// The slab may change between two steps: the walk still visits every value that was there all the
/// time, once.
///
/// ```
/// use snow_core::Walk;
///
/// let mut slab = snow_core::Slab::new();
/// let keys: Vec<_> = (0..1_000).map(|value| slab.insert(value)).collect();
/// let (mut steps, mut found, mut next) = (0, Vec::new(), Some(0));
/// while let Some(slot) = next {
///     let mut walk = Walk::from_slot(slot, 100);
///     found.extend(std::iter::from_fn(|| slab.next_of(&mut walk)));
///     (steps, next) = (steps + 1, walk.rest());
/// }
/// assert!(found == keys && steps >= 10);
/// ```
#[derive(Debug)]
pub struct Walk {
    /// The next slot; `None` behind the last one.
    next: Option<u32>,
    /// How many vacant slots may still be looked at; a value counts as several. A chunk without
    /// values counts as one slot.
    looks: u32,
}

impl Walk {
    /// Starts at a slot, and visits so many values at most, fewer if vacant slots lie between them.
    pub fn from_slot(slot: u32, values_max: usize) -> Walk {
        let looks = u32::try_from(values_max).unwrap_or(u32::MAX).saturating_mul(VACANT_PER_VALUE);
        Walk { next: Some(slot), looks }
    }

    /// Returns the slot to go on from; `None` if all values have been visited.
    pub fn rest(&self) -> Option<u32> {
        self.next
    }
}

/// A store of values, each in a slot of its own, found by its [`Key`].
///
/// No operation copies what the slab holds. [`insert`](Slab::insert) allocates at most one chunk,
/// [`remove`](Slab::remove) frees at most one, and neither moves a value.
///
/// ```
/// let mut slab = snow_core::Slab::new();
/// let key = slab.insert("value");
/// assert_eq!(slab.get(key), Some(&"value"));
/// assert_eq!(slab.remove(key), Some("value"));
/// assert_eq!(slab.get(key), None);
/// ```
pub struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// The chunks with a vacant place. The lowest is filled first, so that the highest ones empty.
    roomy: BTreeSet<u32>,
    /// The chunks that were freed.
    freed: BTreeSet<u32>,
    /// The one empty chunk that is kept. Without it, inserting and removing at the edge of a chunk
    /// would allocate and free each time.
    empty: Option<u32>,
    /// The number of values in all chunks.
    len: usize,
}

/// A range of slots, with or without memory for it.
enum Chunk<T> {
    Freed {
        /// The generation at which all its slots start again, later than any that was handed out.
        generation: u32,
    },
    Live(Box<Places<T>>),
}

/// The memory of a chunk.
struct Places<T> {
    places: Box<[Place<T>]>,
    /// The first vacant place. Each vacant place names the next one.
    first_vacant: Option<u8>,
    /// The number of occupied places.
    used: u16,
}

/// The memory of one slot.
struct Place<T> {
    generation: u32,
    content: Content<T>,
}

enum Content<T> {
    Vacant { next: Option<u8> },
    Occupied(T),
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab {
            chunks: Vec::new(),
            roomy: BTreeSet::new(),
            freed: BTreeSet::new(),
            empty: None,
            len: 0,
        }
    }
}

impl<T> Slab<T> {
    /// The bytes that a slot takes, its generation included.
    pub const SLOT_BYTES: usize = size_of::<Place<T>>();
    /// The number of slots in a chunk: as many as fit, but at least one.
    const CHUNK_SLOTS: usize = {
        let fit = CHUNK_BYTES / Self::SLOT_BYTES;
        match fit {
            0 => 1,
            1..CHUNK_SLOTS_MAX => fit,
            _ => CHUNK_SLOTS_MAX,
        }
    };

    /// Creates an empty slab. Allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the slab is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Inserts a value and returns its key. Allocates at most one chunk.
    pub fn insert(&mut self, value: T) -> Key {
        let index = self.chunk_with_room();
        let Chunk::Live(chunk) = &mut self.chunks[index as usize] else {
            unreachable!("a roomy chunk is live")
        };
        // Take the first place off the chunk's list of vacant ones.
        let at = chunk.first_vacant.expect("a roomy chunk has a vacant place");
        let place = &mut chunk.places[usize::from(at)];
        let Content::Vacant { next } = place.content else {
            unreachable!("the list holds vacant places")
        };
        place.content = Content::Occupied(value);
        chunk.first_vacant = next;
        chunk.used += 1;
        let key = Key {
            slot: index * Self::CHUNK_SLOTS as u32 + u32::from(at),
            generation: place.generation,
        };
        if chunk.first_vacant.is_none() {
            self.roomy.remove(&index);
        }
        if self.empty == Some(index) {
            self.empty = None;
        }
        self.len += 1;
        key
    }

    /// Returns the value with this key, if it has not been removed.
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.place(key.slot)? {
            Place { generation, content: Content::Occupied(value) }
                if *generation == key.generation =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// Returns the value with this key, to be changed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let Chunk::Live(chunk) = self.chunks.get_mut(key.slot as usize / Self::CHUNK_SLOTS)? else {
            return None;
        };
        match &mut chunk.places[key.slot as usize % Self::CHUNK_SLOTS] {
            Place { generation, content: Content::Occupied(value) }
                if *generation == key.generation =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// Returns the key of the value that a slot holds now, if it holds one. For callers that know
    /// by other means that the slot still holds the value they mean.
    pub fn key_at(&self, slot: u32) -> Option<Key> {
        match self.place(slot)? {
            Place { generation, content: Content::Occupied(_) } => {
                Some(Key { slot, generation: *generation })
            }
            Place { .. } => None,
        }
    }

    /// Removes and returns a value. From now on its key finds nothing.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let index = key.slot / Self::CHUNK_SLOTS as u32;
        let at = (key.slot as usize % Self::CHUNK_SLOTS) as u8;
        let Chunk::Live(chunk) = &mut self.chunks[index as usize] else { return None };
        let place = &mut chunk.places[usize::from(at)];
        // The next generation makes the key stale, and the place becomes the first on its chunk's
        // list of vacant ones.
        place.generation = place.generation.wrapping_add(1);
        let vacant = Content::Vacant { next: chunk.first_vacant };
        let Content::Occupied(value) = std::mem::replace(&mut place.content, vacant) else {
            return None;
        };
        let was_full = chunk.first_vacant.replace(at).is_none();
        chunk.used -= 1;
        self.len -= 1;
        if chunk.used == 0 {
            self.keep_or_free(index);
        } else if was_full {
            self.roomy.insert(index);
        }
        Some(value)
    }

    /// Returns the next value of a walk. `None` if there is none any more, or the walk is to
    /// [rest](Walk::rest).
    pub fn next_of(&self, walk: &mut Walk) -> Option<Key> {
        while walk.looks > 0 {
            let Some(slot) = walk.next.map(|slot| slot as usize) else { break };
            let index = slot / Self::CHUNK_SLOTS;
            walk.looks -= 1;
            let place = match self.chunks.get(index) {
                None => {
                    walk.next = None;
                    break;
                }
                Some(Chunk::Live(chunk)) if chunk.used > 0 => {
                    &chunk.places[slot % Self::CHUNK_SLOTS]
                }
                // No value is here: go on at the first slot of the next chunk.
                Some(_) => {
                    walk.next = Some(((index + 1) * Self::CHUNK_SLOTS) as u32);
                    continue;
                }
            };
            walk.next = Some(slot as u32 + 1);
            if matches!(place.content, Content::Occupied(_)) {
                walk.looks = walk.looks.saturating_sub(VACANT_PER_VALUE - 1);
                return Some(Key { slot: slot as u32, generation: place.generation });
            }
        }
        None
    }

    /// Returns the memory of a slot, if its chunk has any.
    fn place(&self, slot: u32) -> Option<&Place<T>> {
        match self.chunks.get(slot as usize / Self::CHUNK_SLOTS)? {
            Chunk::Live(chunk) => chunk.places.get(slot as usize % Self::CHUNK_SLOTS),
            Chunk::Freed { .. } => None,
        }
    }

    /// Returns the lowest chunk with a vacant place. Allocates one if there is none: a freed one
    /// first, so that slot numbers stay low, else a new one behind all others.
    fn chunk_with_room(&mut self) -> u32 {
        if let Some(&index) = self.roomy.first() {
            return index;
        }
        let index = self.freed.pop_first().unwrap_or_else(|| {
            self.chunks.push(Chunk::Freed { generation: 0 });
            self.chunks.len() as u32 - 1
        });
        let chunk = &mut self.chunks[index as usize];
        let Chunk::Freed { generation } = *chunk else { unreachable!("a freed chunk is not live") };
        *chunk = Chunk::Live(Box::new(Places::new(Self::CHUNK_SLOTS, generation)));
        self.roomy.insert(index);
        index
    }

    /// Decides about a chunk that has just emptied: the slab keeps one empty chunk and frees a
    /// second one.
    fn keep_or_free(&mut self, index: u32) {
        self.roomy.insert(index);
        let Some(other) = self.empty.replace(index) else { return };
        // Keep the lower one: it is the one that is filled next.
        let freed = other.max(index);
        self.empty = Some(other.min(index));
        self.roomy.remove(&freed);
        self.freed.insert(freed);
        let chunk = &mut self.chunks[freed as usize];
        if let Chunk::Live(live) = chunk {
            // Each place had its generation raised when it was emptied, so the highest is later
            // than any key handed out.
            let generation = live.places.iter().map(|place| place.generation).max().unwrap_or(0);
            *chunk = Chunk::Freed { generation };
        }
    }
}

impl<T> Places<T> {
    /// Allocates vacant places, each naming the next one as vacant.
    fn new(slots: usize, generation: u32) -> Places<T> {
        let places = (0..slots).map(|at| Place {
            generation,
            content: Content::Vacant { next: (at + 1 < slots).then_some((at + 1) as u8) },
        });
        Places { places: places.collect(), first_vacant: Some(0), used: 0 }
    }
}

#[cfg(test)]
mod tests;
