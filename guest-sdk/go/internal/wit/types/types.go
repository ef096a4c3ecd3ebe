// Package types has the types of WIT that Go does not have, as the generated bindings use them.
package types

// Unit is a value without content.
type Unit struct{}

// The cases of an Option.
const (
	OptionNone uint8 = iota
	OptionSome
)

// Option is a value that may be missing.
type Option[T any] struct {
	tag   uint8
	value T
}

// None returns a missing value.
func None[T any]() Option[T] {
	return Option[T]{}
}

// Some returns a value that is there.
func Some[T any](value T) Option[T] {
	return Option[T]{OptionSome, value}
}

// Tag returns which case it is.
func (o Option[T]) Tag() uint8 {
	return o.tag
}

// Some returns the value, which must be there.
func (o Option[T]) Some() T {
	if o.tag != OptionSome {
		panic("there is no value")
	}
	return o.value
}

// The cases of a Result.
const (
	ResultOk uint8 = iota
	ResultErr
)

// Result is a value or an error.
type Result[T any, E any] struct {
	tag   uint8
	value T
	err   E
}

// Ok returns a result with a value.
func Ok[T any, E any](value T) Result[T, E] {
	return Result[T, E]{tag: ResultOk, value: value}
}

// Err returns a result with an error.
func Err[T any, E any](err E) Result[T, E] {
	return Result[T, E]{tag: ResultErr, err: err}
}

// Tag returns which case it is.
func (r Result[T, E]) Tag() uint8 {
	return r.tag
}

// Ok returns the value, which must be there.
func (r Result[T, E]) Ok() T {
	if r.tag != ResultOk {
		panic("there is no value")
	}
	return r.value
}

// Err returns the error, which must be there.
func (r Result[T, E]) Err() E {
	if r.tag != ResultErr {
		panic("there is no error")
	}
	return r.err
}

// Tuple2 is two values together.
type Tuple2[T0 any, T1 any] struct {
	F0 T0
	F1 T1
}
