package snow

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/snow-host/snow-host/guest-sdk/go/internal/text"
)

// Form is a form that a client has sent: names with values, and files.
type Form struct {
	// Fields are the names with their values in the order sent, without the files.
	Fields []FormField
	// Files are the files in the order sent.
	Files []File
}

// FormField is a name with a value in a form.
type FormField struct {
	Name  string
	Value string
}

// File is a file in a form.
type File struct {
	// Field is the name of the field in the form.
	Field string
	// Name is the name that the client gives it: any text, and not to be used as a path. It is
	// empty if no file was chosen.
	Name string
	// ContentType is the media type that the client gives it; empty if it gives none.
	ContentType string
	// Content is the content, which is a part of the request's body.
	Content []byte
}

// FormLimits is how much a form may have; more is a 413. A limit that is 0 stands for its default.
//
// The whole content is bounded by the host before (body_bytes_max).
type FormLimits struct {
	// PartsMax is how many fields and files there may be together: by default 1,000.
	PartsMax int
	// ValueBytesMax is how many bytes the value of a field may have: by default 1,048,576.
	ValueBytesMax int
	// FileBytesMax is how many bytes a file may have: by default 16,777,216.
	FileBytesMax int
}

// orDefaults returns the limits with the defaults in place of those that are 0.
func (l FormLimits) orDefaults() FormLimits {
	if l.PartsMax == 0 {
		l.PartsMax = 1000
	}
	if l.ValueBytesMax == 0 {
		l.ValueBytesMax = 1 << 20
	}
	if l.FileBytesMax == 0 {
		l.FileBytesMax = 1 << 24
	}
	return l
}

// checkRoom returns a 413 if a form has as many parts as it may have.
func (l FormLimits) checkRoom(form *Form) error {
	if len(form.Fields)+len(form.Files) < l.PartsMax {
		return nil
	}
	return Error(413, fmt.Sprintf("the form has more than %d fields", l.PartsMax))
}

// checkSize returns a 413 if a part has more bytes than it may have.
func checkSize(name string, bytes, bytesMax int) error {
	if bytes <= bytesMax {
		return nil
	}
	return Error(413, fmt.Sprintf("`%s` has more than %d bytes", name, bytesMax))
}

// Form returns the form in the content: application/x-www-form-urlencoded, or multipart/form-data
// (RFC 7578), which has files too.
//
// The error is an answer ([StatusError]): a 415 for another content-type, a 400 that says what is
// wrong with a form that is none, a 413 for more than the default [FormLimits].
func (r *Request) Form() (*Form, error) {
	return r.FormWithin(FormLimits{})
}

// FormWithin returns the form in the content, as [Request.Form] does, within other limits.
func (r *Request) FormWithin(limits FormLimits) (*Form, error) {
	limits = limits.orDefaults()
	contentType := r.Header("content-type")
	kind, parameters := valueAndParameters(contentType)
	switch {
	case !utf8.ValidString(contentType):
		return nil, unsupported(kind)
	case text.EqualFold(kind, "application/x-www-form-urlencoded"):
		return parseURLEncoded(r.Body, limits)
	case text.EqualFold(kind, "multipart/form-data"):
		for _, parameter := range parameters {
			if text.EqualFold(parameter.name, "boundary") {
				return parseMultipart(r.Body, parameter.value, limits)
			}
		}
		return parseMultipart(r.Body, "", limits)
	default:
		return nil, unsupported(kind)
	}
}

func unsupported(kind string) error {
	return Error(415, fmt.Sprintf("the content must be `application/x-www-form-urlencoded` "+
		"or `multipart/form-data`, not %q", kind))
}

func parseURLEncoded(body []byte, limits FormLimits) (*Form, error) {
	if !utf8.Valid(body) {
		return nil, Error(400, "the form is not UTF-8")
	}
	form := &Form{}
	for name, value := range text.Pairs(string(body)) {
		if err := limits.checkRoom(form); err != nil {
			return nil, err
		}
		if err := checkSize(name, len(value), limits.ValueBytesMax); err != nil {
			return nil, err
		}
		form.Fields = append(form.Fields, FormField{name, value})
	}
	return form, nil
}

// Has reports whether there is a value under a name.
func (f *Form) Has(name string) bool {
	_, ok := f.lookUp(name)
	return ok
}

// Get returns the first value under a name, and "" if there is none.
func (f *Form) Get(name string) string {
	value, _ := f.lookUp(name)
	return value
}

// Required returns the first value under a name. If there is none, the error is an answer: a 400
// that names it.
func (f *Form) Required(name string) (string, error) {
	value, ok := f.lookUp(name)
	if !ok {
		return "", Error(400, fmt.Sprintf("`%s` is missing in the form", name))
	}
	return value, nil
}

// All returns every value under a name, as several checkboxes have it.
func (f *Form) All(name string) []string {
	var values []string
	for _, field := range f.Fields {
		if field.Name == name {
			values = append(values, field.Value)
		}
	}
	return values
}

// File returns the first file under a name, and nil if there is none.
func (f *Form) File(name string) *File {
	for index := range f.Files {
		if f.Files[index].Field == name {
			return &f.Files[index]
		}
	}
	return nil
}

func (f *Form) lookUp(name string) (string, bool) {
	for _, field := range f.Fields {
		if field.Name == name {
			return field.Value, true
		}
	}
	return "", false
}

// ParseField returns the first value under a name as a function reads it, and fallback if there is
// none. If the function returns an error, that is an answer: a 400 that names the field, with the
// error's text.
//
//	count, err := snow.ParseField(form, "count", strconv.Atoi, 1)
func ParseField[T any](form *Form, name string, parse func(string) (T, error), fallback T) (T, error) {
	sent, ok := form.lookUp(name)
	if !ok {
		return fallback, nil
	}
	value, err := parse(sent)
	if err == nil {
		return value, nil
	}
	// What functions of strconv say before that is for programmers.
	var number *strconv.NumError
	if errors.As(err, &number) {
		err = number.Err
	}
	return fallback, Error(400, fmt.Sprintf("`%s`: %v", name, err))
}
