//! The guest's allocator: dlmalloc, whose first 64 KiB are part of the instance.
//!
//! By default each call gets a new instance, so every request pays for the start of one. Rust's own
//! allocator begins with `memory.grow`; the host must then make those pages accessible and, when
//! the instance ends, inaccessible again: two system calls that were measured to more than double a
//! small request. A static array costs nothing, since it is memory that the instance has anyway
//! (and, being all zeros, takes no room in the file).
//!
//! Only the first region differs. Memory is freed and reused as ever, so an instance that is kept
//! for a million calls stays as small as one.

// An allocator is unsafe by nature; this is the one file of the crate that is.
#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::ptr;
use dlmalloc::Dlmalloc;

/// The size of a page of wasm memory, and of the first region.
const PAGE_BYTES: usize = 64 * 1024;

/// The memory that an instance has from the start.
#[repr(align(16))]
struct FirstRegion(UnsafeCell<[u8; PAGE_BYTES]>);

// SAFETY: nothing but `Regions::alloc` takes its address, once; afterwards it belongs to dlmalloc.
unsafe impl Sync for FirstRegion {}

static FIRST_REGION: FirstRegion = FirstRegion(UnsafeCell::new([0; PAGE_BYTES]));

/// Where dlmalloc gets its memory from: the first region, then `memory.grow`.
struct Regions {
    first_is_given: Cell<bool>,
}

// SAFETY: each region is handed out once and is not touched here again. Both kinds are zeroed.
unsafe impl dlmalloc::Allocator for Regions {
    fn alloc(&self, bytes: usize) -> (*mut u8, usize, u32) {
        const REFUSED: (*mut u8, usize, u32) = (ptr::null_mut(), 0, 0);
        if bytes <= PAGE_BYTES && !self.first_is_given.replace(true) {
            return (FIRST_REGION.0.get().cast(), PAGE_BYTES, 0);
        }
        let pages = bytes.div_ceil(PAGE_BYTES);
        let first_page = core::arch::wasm32::memory_grow(0, pages);
        if first_page == usize::MAX {
            return REFUSED;
        }
        let (base, bytes) = (first_page * PAGE_BYTES, pages * PAGE_BYTES);
        // A region that ends where the address space ends has no valid one-past-the-end pointer.
        if base.checked_add(bytes).is_none() {
            return REFUSED;
        }
        (ptr::with_exposed_provenance_mut(base), bytes, 0)
    }

    // Wasm memory never shrinks and never moves.
    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }
    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }
    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }
    fn can_release_part(&self, _: u32) -> bool {
        false
    }
    fn allocates_zeros(&self) -> bool {
        true
    }
    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}

struct Heap(UnsafeCell<Dlmalloc<Regions>>);

#[cfg(target_feature = "atomics")]
compile_error!("snow-guest's allocator has no lock: build without the wasm `atomics` feature");

// SAFETY: without the `atomics` feature an instance has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Regions {
    first_is_given: Cell::new(false),
})));

// SAFETY: dlmalloc keeps the contract. No call can begin while another runs, as there is one thread
// and dlmalloc calls nothing but `Regions`, which does not allocate; so each `&mut` is the only
// one.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(block, layout.size(), layout.align()) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(block, layout.size(), layout.align(), bytes) }
    }
}
