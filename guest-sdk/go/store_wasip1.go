//go:build wasip1

package snow

import (
	"math"

	store "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_store"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/runtime"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/types"
)

// buckets are those of the call that is running.
var buckets []*store.Bucket

// openBucket is a bucket that is open.
type openBucket struct {
	raw *store.Bucket
}

func hostOpenBucket(name string) (bucketHost, error) {
	raw, err := done(func() types.Result[*store.Bucket, store.StoreError] {
		return store.BucketOpen(name)
	})
	if err != nil {
		return nil, err
	}
	buckets = append(buckets, raw)
	return openBucket{raw}, nil
}

// closeBuckets closes the buckets of a call at its end.
func closeBuckets() {
	for _, bucket := range buckets {
		bucket.Drop()
	}
	clear(buckets)
	buckets = buckets[:0]
}

func (b openBucket) get(key string) (*Entry, error) {
	entry, err := done(func() types.Result[types.Option[store.Entry], store.StoreError] {
		return b.raw.Get(key)
	})
	return liftEntry(entry), err
}

func (b openBucket) set(key string, value []byte, options SetOptions) (Version, error) {
	raw := store.SetOptions{
		ExpiresMs: lowerOption(expiresMs(options.Expires)),
		Only:      lowerOnly(options.Only),
	}
	return done(func() types.Result[uint64, store.StoreError] {
		return b.raw.Set(key, value, raw)
	})
}

func (b openBucket) remove(key string, only Only) (bool, error) {
	return done(func() types.Result[bool, store.StoreError] {
		return b.raw.Delete(key, lowerOnly(only))
	})
}

func (b openBucket) increment(key string, by int64) (int64, error) {
	return done(func() types.Result[int64, store.StoreError] {
		return b.raw.Increment(key, by)
	})
}

func (b openBucket) list(prefix string, after *string) ([]string, *string, error) {
	page, err := done(func() types.Result[store.Page, store.StoreError] {
		return b.raw.List(prefix, lowerOption(after), math.MaxUint32)
	})
	if err != nil || page.Next.Tag() == types.OptionNone {
		return page.Keys, nil, err
	}
	next := page.Next.Some()
	return page.Keys, &next, nil
}

func (b openBucket) changed(key string, since *Version) (*Pending, error) {
	raw, err := done(func() types.Result[handle, store.StoreError] {
		return b.raw.Changed(key, lowerOption(since))
	})
	if err != nil {
		return nil, err
	}
	return own(raw), nil
}

// done calls a function of the store, and returns its value, or its refusal as an error.
func done[T any](call func() types.Result[T, store.StoreError]) (T, error) {
	result := runtime.WithoutCollecting(call)
	if result.Tag() == types.ResultErr {
		var none T
		return none, liftStoreError(result.Err())
	}
	return result.Ok(), nil
}

func liftStoreError(raw store.StoreError) error {
	switch raw.Tag() {
	case store.StoreError_Denied:
		return Denied
	case store.StoreError_Conflict:
		return &Conflict{liftEntry(raw.Conflict())}
	case store.StoreError_Limit:
		return &LimitError{raw.Limit()}
	case store.StoreError_NotAnInteger:
		return ErrNotAnInteger
	default:
		return &UnavailableError{raw.Unavailable()}
	}
}

func liftEntry(raw types.Option[store.Entry]) *Entry {
	if raw.Tag() == types.OptionNone {
		return nil
	}
	entry := raw.Some()
	return &Entry{entry.Value, entry.Version}
}

func lowerOnly(only Only) store.Condition {
	switch {
	case only.absent:
		return store.MakeConditionAbsent()
	case only.version != nil:
		return store.MakeConditionVersion(*only.version)
	default:
		return store.MakeConditionAlways()
	}
}
