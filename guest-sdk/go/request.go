package snow

import (
	"net/url"
	"strings"
)

// Field is a header field line. In a request its name is in lower case.
type Field struct {
	Name  string
	Value string
}

// Param is a capture group of the route's pattern.
type Param struct {
	// Name is empty for a group without one.
	Name string
	// Value is percent-decoded, and empty for a group that took no part in the match.
	Value string
}

// Request is a request whose body has arrived whole.
type Request struct {
	// ID is the request's id, which is in the host's log too.
	ID string
	// Client is the client's address and port.
	Client string
	// Scheme is http.
	Scheme string
	// Authority is the Host field.
	Authority string
	// Method is the method as sent.
	Method string
	// Path is the path as sent, without the guest's mount prefix and without the query.
	Path string
	// RawQuery is what follows the first question mark, as sent.
	RawQuery string
	// HasQuery is whether there is a question mark.
	HasQuery bool
	// Params are the captures of the route's pattern, in the pattern's order.
	Params []Param
	// Headers are the header fields in the order sent, less those of the connection.
	Headers []Field
	// Body is the content.
	Body []byte
}

// Param returns the capture group with this name, and "" if there is none.
func (r *Request) Param(name string) string {
	for _, param := range r.Params {
		if param.Name == name {
			return param.Value
		}
	}
	return ""
}

// ParamAt returns a capture group by its place in the pattern, the first being 0, and "" if there
// are fewer.
func (r *Request) ParamAt(index int) string {
	if index < 0 || index >= len(r.Params) {
		return ""
	}
	return r.Params[index].Value
}

// Header returns the value of a header field, the first if there are several, and "" if there is
// none. The name may be in any case.
func (r *Request) Header(name string) string {
	for _, field := range r.Headers {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// Query returns the parameters of the query. Whatever is malformed is left out.
func (r *Request) Query() url.Values {
	values, _ := url.ParseQuery(r.RawQuery)
	return values
}

// Text returns the content as text.
func (r *Request) Text() string {
	return string(r.Body)
}
