package signed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

// vectors are the cases of signatures in the file of all languages. The decoder refuses whatever in
// them is not named here.
type vectors struct {
	Keys     string
	ReadKeys []string `json:"read_keys"`
	BadKeys  []string `json:"bad_keys"`
	Signs    []struct {
		Name, Value string
		Now         int64
		Text        string
	}
	Taken, Refused []struct {
		Name, Text string
		MaxAge     int64 `json:"max_age"`
		Now        int64
		Value      string
		Why        string
	}
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	file, err := os.ReadFile("../../tests/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(all["signed"]))
	decoder.DisallowUnknownFields()
	var cases vectors
	if err := decoder.Decode(&cases); err != nil {
		t.Fatal(err)
	}
	if len(cases.ReadKeys) == 0 || len(cases.BadKeys) == 0 || len(cases.Signs) == 0 || len(cases.Taken) == 0 || len(cases.Refused) == 0 {
		t.Fatal("a kind of case is gone")
	}
	return cases
}

func TestSignaturesAreThoseOfAllLanguages(t *testing.T) {
	cases := readVectors(t)
	keys, err := parse(cases.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if keys.format() != cases.Keys {
		t.Errorf("%q is not how others write them", keys.format())
	}
	for _, text := range cases.ReadKeys {
		if read, err := parse(text); err != nil || read.format() != cases.Keys {
			t.Errorf("%q: %v %v", text, read, err)
		}
	}
	for _, test := range cases.Signs {
		text, err := keys.SignAt(at(test.Now), test.Name, test.Value)
		if text != test.Text || err != nil {
			t.Errorf("%+v: %s %v", test, text, err)
		}
	}
	reasons := map[string]error{
		"": nil, "malformed": ErrMalformed, "unknown-key": ErrUnknownKey, "forged": ErrForged,
		"expired": ErrExpired, "from-the-future": ErrFromTheFuture,
	}
	for _, test := range append(cases.Taken, cases.Refused...) {
		maxAge := time.Duration(test.MaxAge) * time.Second
		value, err := keys.VerifyAt(at(test.Now), test.Name, test.Text, maxAge)
		why, ok := reasons[test.Why]
		if !ok || value != test.Value || !errors.Is(err, why) {
			t.Errorf("%+v: %q %v", test, value, err)
		}
	}
	for _, text := range cases.BadKeys {
		if _, err := parse(text); err == nil {
			t.Errorf("%q", text)
		}
	}
}

func at(seconds int64) time.Time { return time.Unix(seconds, 999_999_999) }

func key(version uint32) Key {
	return Key{version, bytes.Repeat([]byte{byte(version)}, secretBytesMin)}
}

func keys(t testing.TB, keys ...Key) *Keys {
	t.Helper()
	made, err := New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestWhatIsChangedAnywhereIsNotTaken(t *testing.T) {
	keys := keys(t, key(1))
	text, err := keys.SignAt(at(1000), "user", "ann")
	if err != nil {
		t.Fatal(err)
	}
	for place := range len(text) {
		for _, other := range []byte("0.A_=\n") {
			forged := []byte(text)
			forged[place] = other
			if value, err := keys.VerifyAt(at(1000), "user", string(forged), time.Hour); err == nil && string(forged) != text {
				t.Errorf("%s: %s", forged, value)
			}
		}
		if _, err := keys.VerifyAt(at(1000), "user", text[:place], time.Hour); err == nil {
			t.Error(text[:place])
		}
	}
}

func TestAnOlderKeyIsTakenAndTheFirstSigns(t *testing.T) {
	old, err := keys(t, key(1)).SignAt(at(1000), "user", "ann")
	if err != nil {
		t.Fatal(err)
	}
	both := keys(t, key(2), key(1))
	if value, err := both.VerifyAt(at(1000), "user", old, time.Hour); value != "ann" || err != nil {
		t.Error(value, err)
	}
	if text, err := both.Sign("user", "ann"); !strings.HasPrefix(text, "1.2.") || err != nil {
		t.Error(text, err)
	}
	if again, err := parse(both.format()); err != nil || again.format() != both.format() {
		t.Error(again, err)
	}
}

func TestKeysThatAreNoneAreRefused(t *testing.T) {
	for _, some := range [][]Key{nil, {{1, []byte("password")}}, {key(1), key(1)}, {key(1), {2, nil}}} {
		if keys, err := New(some...); err == nil {
			t.Error(keys)
		}
	}
	secret := bytes.Repeat([]byte{1}, secretBytesMin)
	own := keys(t, Key{1, secret})
	text, err := own.Sign("user", "ann")
	secret[0] = 7
	if _, verified := own.Verify("user", text, time.Hour); err != nil || verified != nil {
		t.Error("the secret is the caller's", verified)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	keys := keys(t, key(80), key(81))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{keys, key(80), []Key{key(80)}, struct{ K Key }{key(80)}} {
			shown := fmt.Sprintf(format, value)
			if strings.Contains(shown, "PP") || strings.Contains(shown, "80 80") || strings.Contains(shown, "0x50") {
				t.Error(shown)
			}
		}
	}
	if shown := fmt.Sprint(keys); shown != "[key 80 key 81]" {
		t.Error(shown)
	}
}

func TestOnlyTextsAreSigned(t *testing.T) {
	var named *snow.NotUTF8Error
	for _, pair := range [][2]string{{"user", "\xff"}, {"\xff", "ann"}} {
		if text, err := keys(t, key(1)).Sign(pair[0], pair[1]); !errors.As(err, &named) {
			t.Error(text, err)
		}
	}
}

func TestACookieIsSetAndTaken(t *testing.T) {
	keys := keys(t, key(1))
	response, err := keys.SetCookie(snow.Text(""), snow.Cookie{Name: "user", Value: "gr\u00fc\u00dfe; \r\n"})
	if err != nil {
		t.Fatal(err)
	}
	sent, _, _ := strings.Cut(response.Headers[1].Value, ";")
	request := func(sent string) *snow.Request {
		return &snow.Request{Headers: []snow.Field{{Name: "cookie", Value: sent}}}
	}
	if value, ok := keys.Cookie(request(sent), "user", time.Hour); !ok || value != "gr\u00fc\u00dfe; \r\n" {
		t.Error(value, ok)
	}
	for _, other := range []string{"", sent[:len(sent)-1], "admin=" + sent[5:]} {
		for _, name := range []string{"user", "admin"} {
			if value, ok := keys.Cookie(request(other), name, time.Hour); ok {
				t.Error(other, value)
			}
		}
	}
	if _, err := keys.SetCookie(snow.Text(""), snow.Cookie{Name: "a b"}); err == nil {
		t.Error("it is no name")
	}
}

func TestKeysAreStoredOnceAndReplaced(t *testing.T) {
	bucket, err := snow.OpenBucket(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = bucket.Delete(stored) })
	first, err := StoredIn(bucket)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := StoredIn(bucket); err != nil || again.format() != first.format() {
		t.Error(again, err)
	}
	for _, want := range []string{"[key 2 key 1]", "[key 3 key 2]"} {
		if rotated, err := Rotate(bucket, 2); err != nil || rotated.String() != want {
			t.Error(rotated, err)
		}
	}
	if rotated, err := Rotate(bucket, -1); err != nil || rotated.String() != "[key 4]" {
		t.Error(rotated, err)
	}
	if _, err := bucket.Set(stored, []byte("1 x")); err != nil {
		t.Fatal(err)
	}
	if _, err := StoredIn(bucket); !errors.Is(err, errUnreadable) {
		t.Error(err)
	}
	if rotated, err := Rotate(bucket, 2); err != nil || rotated.String() != "[key 1]" {
		t.Error(rotated, err)
	}
	own, err := Stored()
	if again, stored := Stored(); err != nil || stored != nil || again.format() != own.format() {
		t.Error(again, stored)
	}
}

// FuzzVerify looks for texts that are taken though nobody has signed them, and for such that are
// not though somebody has.
func FuzzVerify(f *testing.F) {
	f.Add("user", "1.1.1000.YW5u.DOuHS3uycqLaukGWbFtn_zeI4dAoB8b2R58_ti8oP84", int64(1000))
	f.Add("", "1.+1.+0..", int64(-1))
	f.Fuzz(func(t *testing.T, name, text string, now int64) {
		keys := keys(t, key(1), key(2))
		if value, err := keys.VerifyAt(at(now), name, text, time.Hour); err == nil {
			signed, err := keys.SignAt(at(now), name, value)
			if err != nil || !strings.HasPrefix(text, "1.1.") || len(signed)-len(text) > 20 {
				t.Errorf("%s: %s", text, value)
			}
		}
		signed, err := keys.SignAt(at(now), name, text)
		if (err == nil) != (utf8.ValidString(name) && utf8.ValidString(text)) {
			t.Error(err)
		}
		if err == nil {
			if value, err := keys.VerifyAt(at(now), name, signed, 0); value != text || err != nil {
				t.Error(value, err)
			}
		}
	})
}

// FuzzKeys looks for keys that are not read as they are written.
func FuzzKeys(f *testing.F) {
	f.Add("2 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\r\n1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")
	f.Fuzz(func(t *testing.T, lines string) {
		keys, err := parse(lines)
		if err != nil {
			return
		}
		if again, err := parse(keys.format()); err != nil || again.format() != keys.format() {
			t.Errorf("%q: %v", lines, err)
		}
	})
}
