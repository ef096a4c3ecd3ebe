package snow

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"
)

// toyBucket is a bucket without a host. Another request is faster so many times.
type toyBucket struct {
	entry  *Entry
	faster int
	pages  [][]string
}

func (b *toyBucket) get(string) (*Entry, error) { return b.entry, nil }

func (b *toyBucket) set(_ string, value []byte, options SetOptions) (Version, error) {
	if b.faster > 0 {
		b.faster--
		b.entry = &Entry{[]byte("theirs" + strconv.Itoa(b.faster)), b.entry.next()}
	}
	only := options.Only
	if only.absent && b.entry != nil || only.version != nil && *only.version != b.entry.Version {
		return 0, &Conflict{b.entry}
	}
	b.entry = &Entry{value, b.entry.next()}
	return b.entry.Version, nil
}

func (e *Entry) next() Version {
	if e == nil {
		return 1
	}
	return e.Version + 1
}

func (b *toyBucket) remove(string, Only) (bool, error) { return false, nil }

func (b *toyBucket) increment(string, int64) (int64, error) { return 0, ErrNotAnInteger }

func (b *toyBucket) list(_ string, after *string) ([]string, *string, error) {
	page := 0
	if after != nil {
		page, _ = strconv.Atoi(*after)
	}
	if page == len(b.pages) {
		return nil, nil, &LimitError{"no more"}
	}
	next := strconv.Itoa(page + 1)
	return b.pages[page], &next, nil
}

func (b *toyBucket) changed(string, *Version) (*Pending, error) { return nil, Denied }

func TestAnUpdateLosesNoChange(t *testing.T) {
	bucket := &Bucket{&toyBucket{faster: 2}}
	var seen []string
	entry, err := bucket.Update("key", func(entry *Entry) ([]byte, error) {
		seen = append(seen, entry.Text())
		return []byte(entry.Text() + " mine"), nil
	})
	want := []string{"", "theirs1", "theirs0"}
	if err != nil || entry.Text() != "theirs0 mine" || !reflect.DeepEqual(seen, want) {
		t.Error(seen, entry, err)
	}
	wrong := errors.New("wrong")
	if _, err := bucket.Update("key", func(*Entry) ([]byte, error) { return nil, wrong }); err != wrong {
		t.Error(err)
	}
	bucket = &Bucket{&toyBucket{faster: 2 * updatesMax}}
	var conflict *Conflict
	_, err = bucket.Update("key", func(*Entry) ([]byte, error) { return nil, nil })
	if !errors.As(err, &conflict) || conflict.Entry == nil {
		t.Error(err)
	}
}

func TestKeysComePageByPage(t *testing.T) {
	bucket := &Bucket{&toyBucket{pages: [][]string{{"a", "b"}, nil, {"c"}}}}
	var keys []string
	var last error
	for key, err := range bucket.Keys("") {
		keys, last = append(keys, key), err
	}
	if !reflect.DeepEqual(keys, []string{"a", "b", "c", ""}) || last == nil {
		t.Error(keys, last)
	}
	for key := range bucket.Keys("") {
		if key != "a" {
			t.Error("it goes on")
		}
		break
	}
}

func TestWithoutAHostBucketsAreInMemory(t *testing.T) {
	bucket, err := OpenBucket(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { delete(memory, t.Name()) })
	first, err := bucket.SetWith("a", []byte("one"), SetOptions{Only: Absent()})
	if err != nil {
		t.Fatal(err)
	}
	var conflict *Conflict
	for _, only := range []Only{Absent(), Is(first + 1)} {
		_, err := bucket.SetWith("a", nil, SetOptions{Only: only})
		if !errors.As(err, &conflict) || conflict.Entry.Text() != "one" || conflict.Entry.Version != first {
			t.Error(err)
		}
		if _, err := bucket.DeleteOnly("a", only); !errors.As(err, &conflict) {
			t.Error(err)
		}
	}
	if _, err := bucket.SetWith("b", nil, SetOptions{Only: Is(first)}); !errors.As(err, &conflict) || conflict.Entry != nil {
		t.Error(err)
	}
	again, err := OpenBucket(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	if second, err := again.SetWith("a", []byte("two"), SetOptions{Only: Is(first)}); err != nil || second <= first {
		t.Error(second, err)
	}
	if entry, err := bucket.Get("a"); entry.Text() != "two" || err != nil {
		t.Error(entry, err)
	}
	if _, err := bucket.SetWith("gone", nil, SetOptions{Expires: -1}); err != nil {
		t.Error(err)
	}
	if entry, err := bucket.Get("gone"); entry != nil || err != nil {
		t.Error(entry, err)
	}
	if _, err := bucket.Increment("a", 1); err != ErrNotAnInteger {
		t.Error(err)
	}
	if sum, err := bucket.Increment("n", math.MaxInt64); sum != math.MaxInt64 || err != nil {
		t.Error(sum, err)
	}
	if _, err := bucket.Increment("n", 1); err != ErrNotAnInteger {
		t.Error(err)
	}
	if _, err := bucket.SetWith("soon", []byte("1"), SetOptions{Expires: time.Hour}); err != nil {
		t.Error(err)
	}
	sum, err := bucket.Increment("soon", 1)
	if sum != 2 || err != nil || memory[t.Name()]["soon"].expires.IsZero() {
		t.Error("it keeps its expiry", sum, err)
	}
	if _, err := bucket.Set("plus", []byte("+7")); err != nil {
		t.Error(err)
	}
	if _, err := bucket.Increment("plus", 1); err != ErrNotAnInteger {
		t.Error(err)
	}
	if sum, err := bucket.Increment("gone", 2); sum != 2 || err != nil {
		t.Error(sum, err)
	}
	var keys []string
	for key, err := range bucket.Keys("") {
		keys = append(keys, key)
		if err != nil {
			t.Error(err)
		}
	}
	if !reflect.DeepEqual(keys, []string{"a", "gone", "n", "plus", "soon"}) {
		t.Error(keys)
	}
	for _, want := range []bool{true, false} {
		if existed, err := bucket.Delete("a"); existed != want || err != nil {
			t.Error(existed, err)
		}
	}
	if _, err := OpenBucket(""); err != Denied {
		t.Error(err)
	}
	if _, err := bucket.Changed("a", nil); err != Denied {
		t.Error(err)
	}
	var named *NotUTF8Error
	if _, err := bucket.Get("\xff"); !errors.As(err, &named) {
		t.Error(err)
	}
}

func TestNothingExpiresEarlierThanAsked(t *testing.T) {
	if expiresMs(0) != nil {
		t.Error("it expires")
	}
	for expires, want := range map[time.Duration]uint64{
		-time.Second: 0, 1: 1, time.Second: 1000, time.Second + 1: 1001,
	} {
		if got := expiresMs(expires); *got != want {
			t.Errorf("%v: %d, want %d", expires, *got, want)
		}
	}
}
