package snow

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// toyDatabase is a database without a host. It keeps what it was sent.
type toyDatabase struct {
	sent []Statement
	rows *Rows
	err  error
}

func (d *toyDatabase) dialect() (Dialect, error) { return SQLite, d.err }

func (d *toyDatabase) query(statement Statement) (*Rows, error) {
	d.sent = append(d.sent, statement)
	return d.rows, d.err
}

func (d *toyDatabase) transact(statements []Statement) ([]*Rows, error) {
	d.sent = append(d.sent, statements...)
	return []*Rows{d.rows}, d.err
}

func (d *toyDatabase) listen(string) (*Pending, error) { return nil, d.err }

func TestParametersAreWhatADatabaseHas(t *testing.T) {
	type named string
	var absent *int
	text := "a"
	toy := &toyDatabase{}
	database := &Database{toy}
	moment := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	_, err := database.Query("q", nil, true, 1, uint8(2), uint64(math.MaxUint64), 0.5, float32(0.25),
		"t", named("n"), []byte{1}, []byte(nil), absent, &text, moment)
	if err != nil {
		t.Fatal(err)
	}
	expected := []any{nil, true, int64(1), int64(2), "18446744073709551615", 0.5, 0.25, "t", "n",
		[]byte{1}, nil, nil, "a", "2026-01-02T03:04:05.6+00:00"}
	if !reflect.DeepEqual(toy.sent, []Statement{{"q", expected}}) {
		t.Errorf("sent %#v", toy.sent)
	}

	toy.sent = nil
	for _, bad := range []any{struct{}{}, []int{1}, make(chan int), "a\xff", map[string]int{}} {
		_, err := database.Query("q", 1, bad)
		var refused *ParameterError
		if !errors.As(err, &refused) || refused.Number != 2 {
			t.Errorf("%T: %v", bad, err)
		}
	}
	var notText *NotUTF8Error
	if _, err := database.Query("q\xff"); !errors.As(err, &notText) {
		t.Error(err)
	}
	bad := Statement{"b", []any{"\xff"}}
	if _, err := database.Transact(Statement{"a", nil}, bad); !errors.As(err, &notText) {
		t.Error(err)
	}
	if toy.sent != nil {
		t.Errorf("sent %v", toy.sent)
	}
}

func TestColumnsAreReadByNameAndType(t *testing.T) {
	rows := &Rows{
		Columns: []string{"id", "name", "price", "gone", "is", "data", "at"},
		Values: [][]any{
			{int64(7), "tea", "2.50", nil, int64(1), []byte{1, 2}, "2026-01-02T03:04:05+00:00"},
		},
	}
	row, isThere := rows.First()
	if !isThere || rows.Len() != 1 {
		t.Fatal("no row")
	}
	var id uint8
	var name string
	var price float64
	var gone *string
	var is bool
	var data []byte
	var at time.Time
	if err := row.Scan(&id, &name, &price, &gone, &is, &data, &at); err != nil {
		t.Fatal(err)
	}
	moment := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	isSo := id == 7 && name == "tea" && price == 2.5 && gone == nil && is && len(data) == 2
	if !isSo || !at.Equal(moment) {
		t.Error(id, name, price, gone, is, data, at)
	}
	if name, err := Column[*string](row, "name"); err != nil || *name != "tea" {
		t.Error(name, err)
	}
	if value, err := Column[any](row, "id"); err != nil || value != any(int64(7)) {
		t.Error(value, err)
	}
	if row.Value("id") != any(int64(7)) || row.Value("none") != nil {
		t.Error("values")
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	secret := "hunter2"
	row := Row{[]string{"id", "secret", "none"}, []any{int64(300), secret, nil}}
	for _, read := range []func() error{
		func() error { _, err := Column[int8](row, "id"); return err },
		func() error { _, err := Column[uint](row, "secret"); return err },
		func() error { _, err := Column[bool](row, "id"); return err },
		func() error { _, err := Column[string](row, "none"); return err },
		func() error { _, err := Column[time.Time](row, "secret"); return err },
		func() error { _, err := Column[struct{}](row, "secret"); return err },
		func() error { _, err := Column[string](row, "other"); return err },
		func() error { return row.Scan(7) },
		func() error { return row.Scan(nil) },
		func() error { return row.Scan((*int)(nil)) },
		func() error { return row.Scan(new(int), new(string), new(*int), new(int)) },
		func() error { return Row{}.Scan(new(int)) },
	} {
		err := read()
		var column *ColumnError
		if !errors.As(err, &column) || strings.Contains(err.Error(), secret) {
			t.Error(err)
		}
	}
	if (*Rows)(nil).Len() != 0 {
		t.Error("no rows")
	}
}

func TestErrorsOfDatabases(t *testing.T) {
	if _, err := OpenDatabase("app"); !errors.Is(err, Denied) {
		t.Error(err)
	}
	duplicate := &DatabaseError{"23000", "Duplicate entry 'a'"}
	other := &DatabaseError{"23000", ""}
	if !IsDuplicate(duplicate) || !IsDuplicate(&DatabaseError{"23505", ""}) || IsDuplicate(other) {
		t.Error("duplicates")
	}
	for err, status := range map[error]int{
		passingError{ErrTimedOut}:                    503,
		passingError{&OverloadedError{"sql_queue"}}:  503,
		passingError{&UnavailableError{"it is off"}}: 503,
		&UnavailableError{"the disk is full"}:        500,
		duplicate:                                    500,
		&LimitError{"sql_rows_max"}:                  500,
		Denied:                                       500,
	} {
		if answer := responseOf(err); answer.Status != status {
			t.Errorf("%v is %d", err, answer.Status)
		}
	}
	var unavailable *UnavailableError
	err := error(passingError{&UnavailableError{"it is off"}})
	if !errors.As(err, &unavailable) || err.Error() != "it is off" {
		t.Error(err)
	}
	if !errors.Is(passingError{ErrTimedOut}, ErrTimedOut) {
		t.Error("timed out")
	}
}
