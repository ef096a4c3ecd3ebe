package snow

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Rows are what a statement returned.
type Rows struct {
	// Columns are the names of the columns; none if it returns no rows.
	Columns []string
	// Values are those of each row, in the order in which the database has returned them: nil,
	// bool, int64, float64, string or []byte. Decimals, dates, times, UUIDs and all other types are
	// texts.
	Values [][]any
	// Affected is how many rows the statement has changed.
	Affected uint64
	// LastID is the value that was made for a column that numbers its rows (AUTO_INCREMENT, or the
	// rowid of SQLite); nil without one. PostgreSQL has RETURNING instead.
	LastID *int64
}

// Len returns how many rows there are; 0 for nil.
func (r *Rows) Len() int {
	if r == nil {
		return 0
	}
	return len(r.Values)
}

// All returns the rows one after the other.
func (r *Rows) All() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for index := range r.Len() {
			if !yield(Row{r.Columns, r.Values[index]}) {
				return
			}
		}
	}
}

// First returns the first row, and whether there is one.
func (r *Rows) First() (Row, bool) {
	for row := range r.All() {
		return row, true
	}
	return Row{}, false
}

// Row is a row.
type Row struct {
	columns []string
	values  []any
}

// Scan copies the values of the row into variables, in the order of the columns, as many as there
// are pointers. A variable may be a string, a []byte, a bool, a number, a [time.Time], any, or a
// pointer to one of these, which null leaves nil; or a type made of one. The error is a
// [*ColumnError].
//
// A number is read from a text of one as well, bytes from a text, a boolean from 0 and 1, and a
// time from a text.
func (r Row) Scan(pointers ...any) error {
	for index, pointer := range pointers {
		if index >= len(r.values) {
			return &ColumnError{fmt.Sprint("number ", index+1), fmt.Sprintf("there are %d", len(r.values))}
		}
		if err := assign(pointer, r.values[index]); err != nil {
			return &ColumnError{r.columnAt(index), err.Error()}
		}
	}
	return nil
}

// Value returns the value of a column; nil for null, and if there is no such column.
func (r Row) Value(column string) any {
	if index := slices.Index(r.columns, column); index >= 0 && index < len(r.values) {
		return r.values[index]
	}
	return nil
}

func (r Row) columnAt(index int) string {
	if index < len(r.columns) {
		return r.columns[index]
	}
	return fmt.Sprint("number ", index+1)
}

// Column returns the value of a row's column as a type that [Row.Scan] knows:
//
//	name, err := snow.Column[string](row, "name")
//
// The error is a [*ColumnError].
func Column[T any](row Row, name string) (T, error) {
	var value T
	index := slices.Index(row.columns, name)
	if index < 0 || index >= len(row.values) {
		why := "there is none; the columns are " + strings.Join(row.columns, ", ")
		return value, &ColumnError{name, why}
	}
	if err := assign(&value, row.values[index]); err != nil {
		return value, &ColumnError{name, err.Error()}
	}
	return value, nil
}

// ColumnError is a column whose value can't be read as it was asked for: a mistake of the guest's
// author. It does not have the value.
type ColumnError struct {
	// Column is the name of the column.
	Column string
	why    string
}

// Error names the column, and says why it can't be read.
func (e *ColumnError) Error() string {
	return fmt.Sprintf("the column %s: %s", e.Column, e.why)
}
