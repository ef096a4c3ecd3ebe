//go:build wasip1

package snow

import (
	sql "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_sql"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/runtime"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/types"
)

// databases are those of the call that is running.
var databases []*sql.Database

// openDatabase is a database that is open.
type openDatabase struct {
	raw *sql.Database
}

func hostOpenDatabase(name string) (databaseHost, error) {
	raw, err := carriedOut(func() types.Result[*sql.Database, sql.SqlError] {
		return sql.DatabaseOpen(name)
	})
	if err != nil {
		return nil, err
	}
	if len(databases) == 0 {
		atEnd = append(atEnd, closeDatabases)
	}
	databases = append(databases, raw)
	return openDatabase{raw}, nil
}

// closeDatabases closes the databases of a call at its end.
func closeDatabases() {
	for _, database := range databases {
		database.Drop()
	}
	clear(databases)
	databases = databases[:0]
}

func (d openDatabase) dialect() (Dialect, error) {
	dialect, err := carriedOut(d.raw.Dialect)
	return Dialect(dialect), err
}

func (d openDatabase) query(statement Statement) (*Rows, error) {
	raw := lowerStatement(statement)
	rows, err := carriedOut(func() types.Result[sql.Rows, sql.SqlError] {
		return d.raw.Query(raw)
	})
	if err != nil {
		return nil, err
	}
	return liftRows(rows), nil
}

func (d openDatabase) transact(statements []Statement) ([]*Rows, error) {
	raw := make([]sql.Statement, len(statements))
	for index, statement := range statements {
		raw[index] = lowerStatement(statement)
	}
	results, err := carriedOut(func() types.Result[[]sql.Rows, sql.SqlError] {
		return d.raw.Transact(raw)
	})
	if err != nil {
		return nil, err
	}
	all := make([]*Rows, len(results))
	for index, rows := range results {
		all[index] = liftRows(rows)
	}
	return all, nil
}

func (d openDatabase) listen(channel string) (*Pending, error) {
	raw, err := carriedOut(func() types.Result[handle, sql.SqlError] {
		return d.raw.Listen(channel)
	})
	if err != nil {
		return nil, err
	}
	return own(raw), nil
}

// carriedOut calls a function of databases, and returns its value, or its refusal as an error.
func carriedOut[T any](call func() types.Result[T, sql.SqlError]) (T, error) {
	result := runtime.WithoutCollecting(call)
	if result.Tag() == types.ResultErr {
		var none T
		return none, liftSQLError(result.Err())
	}
	return result.Ok(), nil
}

func liftSQLError(raw sql.SqlError) error {
	switch raw.Tag() {
	case sql.SqlError_Denied:
		return Denied
	case sql.SqlError_Limit:
		return &LimitError{raw.Limit()}
	case sql.SqlError_Overloaded:
		return passingError{&OverloadedError{raw.Overloaded()}}
	case sql.SqlError_Failed:
		failure := raw.Failed()
		return &DatabaseError{failure.Code, failure.Message}
	case sql.SqlError_Unavailable:
		return passingError{&UnavailableError{raw.Unavailable()}}
	default:
		return passingError{ErrTimedOut}
	}
}

func lowerStatement(statement Statement) sql.Statement {
	parameters := make([]sql.Value, len(statement.Parameters))
	for index, parameter := range statement.Parameters {
		parameters[index] = lowerValue(parameter)
	}
	return sql.Statement{Text: statement.Text, Parameters: parameters}
}

func lowerValue(value any) sql.Value {
	switch value := value.(type) {
	case bool:
		return sql.MakeValueBoolean(value)
	case int64:
		return sql.MakeValueInteger(value)
	case float64:
		return sql.MakeValueReal(value)
	case string:
		return sql.MakeValueText(value)
	case []byte:
		return sql.MakeValueBlob(value)
	default:
		return sql.MakeValueNull()
	}
}

func liftRows(raw sql.Rows) *Rows {
	rows := &Rows{Columns: raw.Columns, Affected: raw.Affected, Values: make([][]any, len(raw.Rows))}
	if raw.LastId.Tag() == types.OptionSome {
		id := raw.LastId.Some()
		rows.LastID = &id
	}
	for index, row := range raw.Rows {
		values := make([]any, len(row))
		for column, value := range row {
			values[column] = liftValue(value)
		}
		rows.Values[index] = values
	}
	return rows
}

func liftValue(raw sql.Value) any {
	switch raw.Tag() {
	case sql.Value_Boolean:
		return raw.Boolean()
	case sql.Value_Integer:
		return raw.Integer()
	case sql.Value_Real:
		return raw.Real()
	case sql.Value_Text:
		return raw.Text()
	case sql.Value_Blob:
		return raw.Blob()
	default:
		return nil
	}
}
