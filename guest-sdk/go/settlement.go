package snow

import "fmt"

// Settlement is what a pending is settled with: a value, a whole response, or a failure.
type Settlement struct {
	// Value is bytes. A timer's settlement is an empty value.
	Value []byte
	// Response is set if it is a whole answer.
	Response *Response
	// Failure is set if it is a failure.
	Failure *Failure
}

// Failure is a wait that failed, told to the guest that waits. Neither text reaches the client by
// itself.
type Failure struct {
	// Code is a short, stable word for programs.
	Code string
	// Message is an explanation for people.
	Message string
}

// Error returns the message and the code.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s (%s)", f.Message, f.Code)
}

// Value makes a settlement of bytes or of text.
func Value[T ~string | ~[]byte](value T) Settlement {
	return Settlement{Value: []byte(value)}
}

// Respond makes a settlement of a whole answer.
func Respond(response *Response) Settlement {
	return Settlement{Response: response}
}

// Fail makes a settlement of a failure.
func Fail(code, message string) Settlement {
	return Settlement{Failure: &Failure{code, message}}
}

// Bytes returns the value, or the content of the response. It is nil for a failure.
func (s *Settlement) Bytes() []byte {
	if s == nil || s.Failure != nil {
		return nil
	}
	if s.Response != nil {
		return s.Response.Body
	}
	return s.Value
}

// Text returns [Settlement.Bytes] as text.
func (s *Settlement) Text() string {
	return string(s.Bytes())
}
