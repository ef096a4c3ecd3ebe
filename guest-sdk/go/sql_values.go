package snow

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// timeForm is how a time is sent. Databases have microseconds.
const timeForm = "2006-01-02T15:04:05.999999-07:00"

var (
	timeType  = reflect.TypeFor[time.Time]()
	bytesType = reflect.TypeFor[[]byte]()
)

// parameterOf returns a value for a placeholder as nil, bool, int64, float64, string or []byte.
func parameterOf(parameter any) (any, error) {
	value := reflect.ValueOf(parameter)
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	if value.IsValid() && value.Type() == timeType {
		return value.Interface().(time.Time).Format(timeForm), nil
	}
	switch value.Kind() {
	case reflect.Invalid:
		return nil, nil
	case reflect.Bool:
		return value.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return value.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if number := int64(value.Uint()); number >= 0 {
			return number, nil
		}
		// As the database returns it.
		return strconv.FormatUint(value.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return value.Float(), nil
	case reflect.String:
		return value.String(), checkText(value.String())
	case reflect.Slice:
		if value.Type().ConvertibleTo(bytesType) {
			if value.IsNil() {
				return nil, nil
			}
			return value.Convert(bytesType).Bytes(), nil
		}
	}
	return nil, fmt.Errorf("a %T is none that a database has", parameter)
}

// kindOf names the kind of a value, without the value itself: it may be a secret.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int64:
		return "a whole number"
	case float64:
		return "a floating-point number"
	case string:
		return "a text"
	default:
		return "bytes"
	}
}

// errOther means that a value is none of a type.
var errOther = errors.New("it is none of this type")

// assign puts a value of a database where a pointer points to.
func assign(to any, value any) error {
	target := reflect.ValueOf(to)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("a %T is no pointer to a variable", to)
	}
	if assignTo(target.Elem(), value) != nil {
		return fmt.Errorf("it is %s, not %s", kindOf(value), target.Type().Elem())
	}
	return nil
}

func assignTo(target reflect.Value, value any) error {
	switch {
	case target.Kind() == reflect.Interface && target.NumMethod() == 0:
		target.Set(reflect.Zero(target.Type()))
		if value != nil {
			target.Set(reflect.ValueOf(value))
		}
		return nil
	case target.Kind() == reflect.Pointer:
		target.Set(reflect.Zero(target.Type()))
		if value == nil {
			return nil
		}
		some := reflect.New(target.Type().Elem())
		if err := assignTo(some.Elem(), value); err != nil {
			return err
		}
		target.Set(some)
		return nil
	case target.Type() == timeType:
		text, isText := value.(string)
		moment, err := timeOf(text)
		if !isText || err != nil {
			return errOther
		}
		target.Set(reflect.ValueOf(moment))
		return nil
	}
	switch target.Kind() {
	case reflect.Bool:
		is, isBoolean := value.(bool)
		number, isInteger := value.(int64)
		if !isBoolean && (!isInteger || number < 0 || number > 1) {
			return errOther
		}
		target.SetBool(is || number == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return assignInt(target, value)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return assignUint(target, value)
	case reflect.Float32, reflect.Float64:
		return assignFloat(target, value)
	case reflect.String:
		text, isText := value.(string)
		if !isText {
			return errOther
		}
		target.SetString(text)
	case reflect.Slice:
		bytes, isBytes := value.([]byte)
		if text, isText := value.(string); isText {
			bytes, isBytes = []byte(text), true
		}
		if !isBytes || !bytesType.ConvertibleTo(target.Type()) {
			return errOther
		}
		target.Set(reflect.ValueOf(bytes).Convert(target.Type()))
	default:
		return errOther
	}
	return nil
}

// assignInt takes a whole number that fits, and a text of one.
func assignInt(target reflect.Value, value any) error {
	number, isInteger := value.(int64)
	if text, isText := value.(string); isText {
		var err error
		number, err = strconv.ParseInt(text, 10, 64)
		isInteger = err == nil
	}
	if !isInteger || target.OverflowInt(number) {
		return errOther
	}
	target.SetInt(number)
	return nil
}

func assignUint(target reflect.Value, value any) error {
	signed, isInteger := value.(int64)
	number := uint64(signed)
	isInteger = isInteger && signed >= 0
	if text, isText := value.(string); isText {
		var err error
		number, err = strconv.ParseUint(text, 10, 64)
		isInteger = err == nil
	}
	if !isInteger || target.OverflowUint(number) {
		return errOther
	}
	target.SetUint(number)
	return nil
}

// assignFloat takes a number, and a text of one: decimals are texts.
func assignFloat(target reflect.Value, value any) error {
	number, isNumber := value.(float64)
	switch value := value.(type) {
	case int64:
		number, isNumber = float64(value), true
	case string:
		var err error
		number, err = strconv.ParseFloat(value, 64)
		isNumber = err == nil
	}
	if !isNumber {
		return errOther
	}
	target.SetFloat(number)
	return nil
}

// timeOf reads a time in the forms that databases have.
func timeOf(text string) (time.Time, error) {
	moment, err := time.Parse(time.RFC3339Nano, text)
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if err != nil {
			moment, err = time.Parse(layout, text)
		}
	}
	return moment, err
}
