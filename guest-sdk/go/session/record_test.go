package session

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"unicode/utf8"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

// vectors are the cases of sessions in the file of all languages. The decoder refuses whatever in
// them is not named here.
type vectors struct {
	Records    []recordCase
	Read       []recordCase
	Unreadable []string
}

type recordCase struct {
	Text    string
	Written uint64
	Fields  map[string]string
}

func TestSessionsAreThoseOfAllLanguages(t *testing.T) {
	file, err := os.ReadFile("../../tests/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(file, &all); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(all["sessions"]))
	decoder.DisallowUnknownFields()
	var cases vectors
	if err := decoder.Decode(&cases); err != nil {
		t.Fatal(err)
	}
	if len(cases.Records) == 0 || len(cases.Read) == 0 || len(cases.Unreadable) == 0 {
		t.Fatal("a kind of case is gone")
	}
	for _, test := range cases.Records {
		record, err := parse(&snow.Entry{Value: []byte(test.Text), Version: 3})
		if err != nil {
			t.Errorf("%q: %v", test.Text, err)
			continue
		}
		if record.version != 3 || record.written != test.Written || !reflect.DeepEqual(record.fields, test.Fields) {
			t.Errorf("%q: %+v", test.Text, record)
		}
		if text := format(record.written, record.fields); string(text) != test.Text {
			t.Errorf("%q, want %q", text, test.Text)
		}
	}
	for _, test := range cases.Read {
		record, err := parse(&snow.Entry{Value: []byte(test.Text)})
		if err != nil || record.written != test.Written || !reflect.DeepEqual(record.fields, test.Fields) {
			t.Errorf("%q: %+v %v", test.Text, record, err)
		}
	}
	for _, text := range cases.Unreadable {
		if record, err := parse(&snow.Entry{Value: []byte(text)}); err == nil {
			t.Errorf("%q: %+v", text, record)
		}
	}
}

// FuzzRecord looks for sessions that are not read as they are written.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("1700000000 name=ann%20%26%20bob&user=%C3%BC&&=&a"))
	f.Add([]byte("+7 \xff=%ff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := parse(&snow.Entry{Value: text})
		if err != nil {
			return
		}
		for name, value := range found.fields {
			if !utf8.ValidString(name) || !utf8.ValidString(value) {
				t.Errorf("%q=%q", name, value)
			}
		}
		again, err := parse(&snow.Entry{Value: format(found.written, found.fields)})
		if err != nil || !reflect.DeepEqual(again, found) {
			t.Errorf("%+v, %v; want %+v", again, err, found)
		}
	})
}
