package snow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Response is an answer. The host adds date, content-length and x-request-id, and writes the
// framing. It answers 500 instead if the status is not in 200 to 599, or if a header field can't be
// sent or belongs to the connection.
type Response struct {
	Status  int
	Headers []Field
	Body    []byte
}

func (*Response) isOutcome() {}

// Text answers 200 with a text, as text/plain in UTF-8.
func Text(text string) *Response {
	return Bytes([]byte(text)).Set("content-type", "text/plain; charset=utf-8")
}

// HTML answers 200 with a page, as text/html in UTF-8.
func HTML(page string) *Response {
	return Bytes([]byte(page)).Set("content-type", "text/html; charset=utf-8")
}

// JSON answers 200 with a value, as application/json. The error is that of [json.Marshal].
func JSON(value any) (*Response, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return Bytes(body).Set("content-type", "application/json"), nil
}

// Bytes answers 200 with bytes and without a content-type.
func Bytes(body []byte) *Response {
	return &Response{Status: 200, Body: body}
}

// Empty answers with a status and no content.
func Empty(status int) *Response {
	return &Response{Status: status}
}

// Redirect sends the client to another address, with one of the statuses 301, 302, 303, 307 and
// 308: 303 after a form, 308 for good.
//
// Another status is an error, and so is a location that is no reference of RFC 3986: it is empty,
// or has a character that must be percent-encoded, such as a space, a line end, or one that is not
// ASCII. Whether a client may choose where it is sent is the guest's to decide.
func Redirect(status int, location string) (*Response, error) {
	if !slices.Contains([]int{301, 302, 303, 307, 308}, status) {
		return nil, fmt.Errorf("a redirect has the status 301, 302, 303, 307 or 308, not %d", status)
	}
	if location == "" || !all(location, isLocationByte) {
		return nil, fmt.Errorf("a redirect needs a location, "+
			"with characters that are percent-encoded where RFC 3986 wants it: %q", location)
	}
	return Empty(status).Set("location", location), nil
}

func isLocationByte(char byte) bool {
	return '!' <= char && char <= '~' && strings.IndexByte("\"<>\\^`{|}", char) < 0
}

// WithStatus sets another status, and returns the response.
func (r *Response) WithStatus(status int) *Response {
	r.Status = status
	return r
}

// Set sets a header field in place of all fields with that name, and returns the response.
func (r *Response) Set(name, value string) *Response {
	kept := r.Headers[:0]
	for _, field := range r.Headers {
		if !strings.EqualFold(field.Name, name) {
			kept = append(kept, field)
		}
	}
	r.Headers = kept
	return r.Add(name, value)
}

// Add adds a header field beside others with that name, and returns the response.
func (r *Response) Add(name, value string) *Response {
	r.Headers = append(r.Headers, Field{name, value})
	return r
}

// StatusError is an error that is an answer: its text is for the client.
type StatusError struct {
	Status int
	Text   string
}

// Error returns an error that answers with this status and this text.
func Error(status int, text string) error {
	return &StatusError{status, text}
}

// Error returns the text.
func (e *StatusError) Error() string {
	return e.Text
}

// responseOf returns what the client gets for an error, and logs an error that is no answer.
func responseOf(err error) *Response {
	var answer *StatusError
	if errors.As(err, &answer) {
		return Text(answer.Text).WithStatus(answer.Status)
	}
	Log(LevelError, err.Error())
	if errors.As(err, new(passingError)) {
		return Text("service unavailable").WithStatus(503)
	}
	return Text("internal server error").WithStatus(500)
}
