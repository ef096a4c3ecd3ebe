package snow

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const urlencoded = "application/x-www-form-urlencoded"

type formCase struct {
	Kind, Body string
	Limits     *struct {
		PartsMax      int `json:"parts_max"`
		ValueBytesMax int `json:"value_bytes_max"`
		FileBytesMax  int `json:"file_bytes_max"`
	}
	Fields  [][2]string
	Files   [][4]*string
	Status  int
	Message string
	// Lenient is for those readers that take more than this one.
	Lenient bool
}

func posted(kind, body string) *Request {
	request := withFields("content-type", kind)
	request.Body = []byte(body)
	return request
}

func TestFormsAreThoseOfAllLanguages(t *testing.T) {
	for _, test := range readVectors(t).Forms {
		var limits FormLimits
		if test.Limits != nil {
			limits = FormLimits(*test.Limits)
		}
		form, err := posted(test.Kind, test.Body).FormWithin(limits)
		if test.Status != 0 {
			refused(t, err, test.Status, test.Message)
			continue
		}
		if err != nil {
			t.Errorf("%.100q: %v", test.Body, err)
			continue
		}
		fields, files := [][2]string{}, [][4]*string{}
		for _, field := range form.Fields {
			fields = append(fields, [2]string{field.Name, field.Value})
		}
		for _, file := range form.Files {
			content, kind := string(file.Content), &file.ContentType
			if *kind == "" {
				kind = nil
			}
			files = append(files, [4]*string{&file.Field, &file.Name, kind, &content})
		}
		if !reflect.DeepEqual(fields, test.Fields) || !reflect.DeepEqual(files, test.Files) {
			t.Errorf("%.100q: %+v", test.Body, form)
		}
	}
}

func refused(t *testing.T, err error, status int, words string) {
	t.Helper()
	var answer *StatusError
	if !errors.As(err, &answer) || answer.Status != status || answer.Text != words {
		t.Errorf("%v, want %d %s", err, status, words)
	}
}

func TestFieldsAreFoundAndParsed(t *testing.T) {
	form, err := posted(urlencoded, "a=1&a=2&b=&c=x&d=99999999999999999999&e=1h").Form()
	if err != nil {
		t.Fatal(err)
	}
	if form.Get("a") != "1" || !reflect.DeepEqual(form.All("a"), []string{"1", "2"}) || form.All("z") != nil {
		t.Error(form)
	}
	if !form.Has("b") || form.Has("z") || form.Get("z") != "" || form.File("a") != nil {
		t.Error(form)
	}
	if value, err := form.Required("b"); value != "" || err != nil {
		t.Error(value, err)
	}
	_, err = form.Required("z")
	refused(t, err, 400, "`z` is missing in the form")
	for name, want := range map[string]int{"a": 1, "z": 7} {
		if number, err := ParseField(form, name, strconv.Atoi, 7); number != want || err != nil {
			t.Error(name, number, err)
		}
	}
	if length, err := ParseField(form, "e", time.ParseDuration, 0); length != time.Hour || err != nil {
		t.Error(length, err)
	}
	_, err = ParseField(form, "c", strconv.Atoi, 7)
	refused(t, err, 400, "`c`: invalid syntax")
	_, err = ParseField(form, "d", strconv.Atoi, 7)
	refused(t, err, 400, "`d`: value out of range")
	_, err = posted(urlencoded, "a=\xff").Form()
	refused(t, err, 400, "the form is not UTF-8")
	_, err = posted("multipart/form-data; x=\xff; boundary=xyz", "--xyz--").Form()
	refused(t, err, 415, unsupported("multipart/form-data").Error())
}

func TestFilesAreFound(t *testing.T) {
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for _, name := range []string{"one.txt", "two.txt"} {
		part, err := writer.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(part, "the content of %s", name)
	}
	writer.Close()
	form, err := posted(writer.FormDataContentType(), body.String()).Form()
	if err != nil || len(form.Files) != 2 {
		t.Fatal(form, err)
	}
	want := &File{"file", "one.txt", "application/octet-stream", []byte("the content of one.txt")}
	if file := form.File("file"); !reflect.DeepEqual(file, want) || form.File("other") != nil {
		t.Errorf("%+v", file)
	}
}

const partA = "content-disposition: form-data; name=a"

func TestWhatIsCutOffIsRefusedWherever(t *testing.T) {
	whole := "--xyz\r\n" + partA + "\r\n\r\n1\r\n--xyz\r\n" + partA + "; filename=b\r\n\r\n2\r\n--xyz--"
	for end := range len(whole) {
		var answer *StatusError
		_, err := posted("multipart/form-data; boundary=xyz", whole[:end]).Form()
		if !errors.As(err, &answer) || answer.Status != 400 {
			t.Errorf("%q: %v", whole[:end], err)
		}
	}
}

// Letters that others take for these in lower or upper case would be a name that only one of two
// readers sees.
func TestLettersThatAreNotASCIIAreNoOthers(t *testing.T) {
	for _, head := range []string{
		"content-diſposition: form-data; name=a", "content-disposition: form-data; fi\u212aename=a",
	} {
		_, err := posted("multipart/form-data; boundary=xyz", "--xyz\r\n"+head+"\r\n\r\n1\r\n--xyz--").Form()
		refused(t, err, 400, "malformed multipart/form-data: a part has no name")
	}
}

func TestTheHeaderFieldsOfAllPartsHaveATotal(t *testing.T) {
	// 8,192 bytes each, so 128 parts have the total.
	head := partA + "; x="
	head += strings.Repeat("x", partHeadBytesMax-len(head))
	multipart := func(count int) (*Form, error) {
		body := strings.Repeat("--xyz\r\n"+head+"\r\n\r\n1\r\n", count) + "--xyz--"
		return posted("multipart/form-data; boundary=xyz", body).Form()
	}
	if form, err := multipart(128); err != nil || len(form.Fields) != 128 {
		t.Error(err)
	}
	_, err := multipart(129)
	refused(t, err, 413, "the form has more than 1048576 bytes of header fields")
}

// What costs in proportion to the square of the bytes would take hours here.
func TestHostileFormsAreReadOnce(t *testing.T) {
	const size = 1 << 23
	part := "\r\n--xyz\r\n" + partA + "\r\n\r\n"
	for what, body := range map[string]string{
		"boundaries that begin":  strings.Repeat("\r\n--xy", size/6),
		"line ends":              strings.Repeat("\r\n", size/2),
		"parts":                  strings.Repeat(part, size/len(part)),
		"a part of begun ones":   part + strings.Repeat("\r\n--xy", size/6) + "\r\n--xyz--",
		"quotes without an end":  "--xyz\r\n" + partA + strings.Repeat(";\"", size/2),
		"header fields":          "--xyz\r\n" + strings.Repeat("a:\r\n", size/4),
		"spaces behind boundary": "--xyz" + strings.Repeat(" ", size),
	} {
		_, err := posted("multipart/form-data; boundary=xyz", body).FormWithin(FormLimits{ValueBytesMax: 2 * size})
		if (err == nil) != (what == "a part of begun ones") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, body := range []string{strings.Repeat("&", size), strings.Repeat("%", size), strings.Repeat("a&", size/2)} {
		_, _ = posted(urlencoded, body).FormWithin(FormLimits{ValueBytesMax: size})
	}
	_, _ = posted("multipart/form-data"+strings.Repeat(";\"\\", size/3), "").Form()
}

func isUTF8(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !utf8.ValidString(text) })
}

// FuzzForm looks for contents that break a limit, or make it panic.
func FuzzForm(f *testing.F) {
	f.Add(urlencoded, "a=1&b=x+y%26z&%zz")
	f.Add("multipart/form-data; boundary=x", "--x\r\n"+partA+"\r\n\r\n1\r\n--x--")
	f.Add(`Multipart/Form-Data;boundary="x"`,
		"\r\n--x \t\r\n"+partA+"; filename=\"%22\\\"\"\r\ncontent-type: a/b\r\n\r\n\r\n--x\r\n\r\n")
	f.Fuzz(func(t *testing.T, kind, body string) {
		limits := FormLimits{PartsMax: 3, ValueBytesMax: 9, FileBytesMax: 20}
		form, err := posted(kind, body).FormWithin(limits)
		if err != nil {
			var answer *StatusError
			if !errors.As(err, &answer) || answer.Status < 400 || answer.Status > 415 || form != nil {
				t.Error(err)
			}
			return
		}
		if len(form.Fields)+len(form.Files) > limits.PartsMax {
			t.Errorf("%+v", form)
		}
		for _, field := range form.Fields {
			// A byte that is not UTF-8 becomes three.
			if !isUTF8(field.Name, field.Value) || len(field.Value) > 3*limits.ValueBytesMax {
				t.Errorf("%+v", field)
			}
		}
		for _, file := range form.Files {
			if !isUTF8(file.Field, file.Name, file.ContentType) || len(file.Content) > limits.FileBytesMax {
				t.Errorf("%+v", file)
			}
		}
	})
}

// FuzzMultipart looks for forms of mime/multipart that are not read as they were written.
func FuzzMultipart(f *testing.F) {
	f.Add("a", "one\r\ntwo", "b", "c;\"\\.txt", []byte("\r\n--"))
	f.Fuzz(func(t *testing.T, name, value, field, file string, content []byte) {
		var body bytes.Buffer
		writer := multipart.NewWriter(&body)
		if err := writer.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
		part, err := writer.CreateFormFile(field, file)
		if err != nil {
			t.Fatal(err)
		}
		part.Write(content)
		writer.Close()
		form, err := posted(writer.FormDataContentType(), body.String()).Form()
		if !isUTF8(name, field, file) {
			refused(t, err, 400, "malformed multipart/form-data: the header fields of a part are not UTF-8")
			return
		}
		if err != nil || len(form.Fields) != 1 || len(form.Files) != 1 {
			t.Fatalf("%+v, %v", form, err)
		}
		if !bytes.Equal(form.Files[0].Content, content) || utf8.ValidString(value) && form.Fields[0].Value != value {
			t.Errorf("%+v", form)
		}
	})
}
