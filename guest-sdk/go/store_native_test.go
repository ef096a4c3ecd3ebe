//go:build !wasip1

package snow

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
)

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
}
