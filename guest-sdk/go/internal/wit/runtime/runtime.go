//go:build wasip1

// Package runtime has what the generated bindings need of memory: room for what the host hands over,
// and handles.
package runtime

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// chunkBytes is the size of the memory that small things are put into, one after the other.
const chunkBytes = 16 << 10

// chunkBytesLeft is how much of it is free at the beginning of a call: more than most requests take.
const chunkBytesLeft = 8 << 10

var (
	// chunk is where the next small thing goes. What is in it lives as long as somebody refers to
	// it, since the garbage collector does not move anything.
	chunk = newChunk()
	// used is how much of the chunk is used.
	used uintptr
	// large are the large things of this call.
	large []unsafe.Pointer
	// largeBytes is how much large things took since they were last collected.
	largeBytes uintptr
)

// largeBytesMax is how much large things may take until they are collected. Go's own collector looks
// at the heap now and then while a guest's code allocates, which may be too late for these.
const largeBytesMax = 4 << 20

// newChunk returns an empty chunk, aligned for everything.
func newChunk() unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, chunkBytes/8)))
}

// Unpin lets go of what the host has handed over: all of it has been read, and what is in use is
// referred to by its user.
func Unpin() {
	large = nil
	if used > chunkBytes-chunkBytesLeft {
		chunk, used = newChunk(), 0
	}
}

// pauseClock has the adapter for preview 1 tell the time of before, without a call of the host.
//
//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func pauseClock(paused bool)

// allocateForHost gives the host room for an argument or a result.
//
// The component model forbids calls of the host meanwhile. Go's allocator may ask for the time, so
// the clock is paused. The garbage collector sleeps too, so it must not run here: see [Collect].
//
//go:wasmexport cabi_realloc
func allocateForHost(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	start := (used + uintptr(align) - 1) &^ (uintptr(align) - 1)
	var allocated unsafe.Pointer
	if start+uintptr(size) <= chunkBytes {
		allocated = unsafe.Add(chunk, start)
		used = start + uintptr(size)
	} else {
		pauseClock(true)
		allocated = allocate(uintptr(size))
		large = append(large, allocated)
		largeBytes += uintptr(size)
		pauseClock(false)
	}
	if old != nil {
		kept := min(oldSize, size)
		copy(unsafe.Slice((*byte)(allocated), kept), unsafe.Slice((*byte)(old), kept))
	}
	return allocated
}

// collectPercent is what debug.SetGCPercent is set to while a guest's code runs.
var collectPercent = debug.SetGCPercent(-1)

// Collect lets the garbage collector run while a function does. At all other times, and while the
// function waits in [WithoutCollecting], the host may ask for memory.
func Collect[T any](function func() T) T {
	debug.SetGCPercent(collectPercent)
	// This waits for a collection that is running.
	defer func() { collectPercent = debug.SetGCPercent(-1) }()
	if largeBytes > largeBytesMax {
		largeBytes = 0
		runtime.GC()
	}
	return function()
}

// WithoutCollecting calls a function of the host that may return much.
func WithoutCollecting[T any](function func() T) T {
	collectPercent = debug.SetGCPercent(-1)
	defer debug.SetGCPercent(collectPercent)
	return function()
}

// allocate returns memory that is aligned for everything. The size is not 0.
func allocate(size uintptr) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
}

// Allocate returns memory that stays until it is unpinned. It is called by the generated bindings.
func Allocate(pinner *runtime.Pinner, size, _ uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	pointer := allocate(size)
	pinner.Pin(pointer)
	return pointer
}

// adapterBytes is what the adapter for preview 1 asks for: its state and its stack, 64 KiB each.
const adapterBytes = 2 * (64 << 10)

var (
	// adapterRegion is the adapter's memory. Without it, the adapter would grow the memory by
	// itself, and Go's allocator would take what is the adapter's for its own.
	adapterRegion [adapterBytes + 16]byte
	adapterUsed   uintptr
)

// allocateForAdapter gives the adapter its memory. It is called before Go's runtime is there, so it
// must not allocate.
//
//go:wasmexport cabi_realloc_adapter
//go:nosplit
func allocateForAdapter(_ unsafe.Pointer, _, align, size uint32) unsafe.Pointer {
	base := uintptr(unsafe.Pointer(&adapterRegion))
	start := (base + adapterUsed + uintptr(align) - 1) &^ (uintptr(align) - 1)
	adapterUsed = start + uintptr(size) - base
	if adapterUsed > uintptr(len(adapterRegion)) {
		// A null pointer would be used as one.
		*(*uint32)(unsafe.Pointer(^uintptr(0))) = 0
	}
	return unsafe.Pointer(start)
}

// Handle is the index of a resource in the instance's table; 0 once it was given away.
type Handle struct {
	value int32
}

// MakeHandle returns a handle for an index.
func MakeHandle(value int32) *Handle {
	return &Handle{value}
}

// Use returns the index.
func (h *Handle) Use() int32 {
	if h.value == 0 {
		panic("it was given away before, or its call has ended: " +
			"a pending, a bucket and a database belong to one call")
	}
	return h.value
}

// Take returns the index, and gives it away.
func (h *Handle) Take() int32 {
	value := h.Use()
	h.value = 0
	return value
}

// TakeOrNil returns the index and gives it away; 0 if it was given away before.
func (h *Handle) TakeOrNil() int32 {
	value := h.value
	h.value = 0
	return value
}

// Set puts an index where there is none.
func (h *Handle) Set(value int32) {
	h.value = value
}
