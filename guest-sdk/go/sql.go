package snow

import (
	"errors"
	"fmt"
	"strings"
)

// Database is a database, as this guest may use it. It belongs to the call that opened it.
//
// A statement waits in place, as [Pending.Wait] does, until its result is there. The errors are
//
//   - [Denied]: the deployer does not grant the database to this guest;
//   - a [*LimitError]: this is too much, in words that name the limit;
//   - an [*OverloadedError]: others have too much under way;
//   - a [*DatabaseError]: the database refuses the statement;
//   - an [*UnavailableError]: it can't be reached, or was lost amid the statement;
//   - [ErrTimedOut]: it took too long;
//   - a [*ParameterError] or a [*NotUTF8Error]: a value or a text can't be sent.
//
// Use [errors.As] and [errors.Is]. A handler that returns an [*OverloadedError], an
// [*UnavailableError] or [ErrTimedOut] of a database answers 503, so that the client may try again.
// After the last two nobody knows whether the statement was carried out.
type Database struct {
	host databaseHost
}

// databaseHost is what the host does with a database.
type databaseHost interface {
	dialect() (Dialect, error)
	query(Statement) (*Rows, error)
	transact([]Statement) ([]*Rows, error)
	listen(channel string) (*Pending, error)
}

// Dialect is what a database speaks.
type Dialect uint8

const (
	// Postgres is PostgreSQL.
	Postgres Dialect = iota
	// MySQL is MySQL and MariaDB.
	MySQL
	// SQLite is SQLite.
	SQLite
)

// String returns the name of the dialect.
func (d Dialect) String() string {
	switch d {
	case Postgres:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	default:
		return "SQLite"
	}
}

// Statement is a statement with a value for each of its placeholders.
type Statement struct {
	// Text is one statement. $1, $2 and so on are placeholders in every database.
	Text string
	// Parameters are the values, as [Database.Query] takes them.
	Parameters []any
}

// OpenDatabase opens a database by its name in snow.toml. It costs nothing: connections are made
// when there is a statement. In a native test every database is [Denied].
func OpenDatabase(name string) (*Database, error) {
	if err := checkText(name); err != nil {
		return nil, err
	}
	host, err := hostOpenDatabase(name)
	if err != nil {
		return nil, err
	}
	return &Database{host}, nil
}

// Dialect returns what the database speaks, for a guest that is to run with several.
func (d *Database) Dialect() (Dialect, error) {
	return d.host.dialect()
}

// Query carries out one statement, with a value for each placeholder: nil, which is null; a
// boolean; a number; a text; a []byte; a [time.Time]; a pointer to one of these, which may be nil;
// or a type made of one. What is no such value is a [*ParameterError]. A time is sent as a text
// with its offset, such as 2026-01-02T03:04:05+00:00: give MySQL and MariaDB a text as they have
// it.
//
// Values of clients go into placeholders, and never into the text.
func (d *Database) Query(text string, parameters ...any) (*Rows, error) {
	statement, err := lowered(Statement{text, parameters})
	if err != nil {
		return nil, err
	}
	return d.host.query(statement)
}

// Transact carries out statements in one transaction, all of them or none, and returns what each
// returned.
func (d *Database) Transact(statements ...Statement) ([]*Rows, error) {
	all := make([]Statement, len(statements))
	for index, statement := range statements {
		var err error
		if all[index], err = lowered(statement); err != nil {
			return nil, err
		}
	}
	return d.host.transact(all)
}

// Listen creates a pending that is settled with the payload of the next notification on a channel
// of PostgreSQL. Listen first, look at the data then, and suspend if there is nothing new: nothing
// is missed. If the connection to the database is lost, it is a [Failure] with the code
// unavailable. For another database the error is a [*DatabaseError] with the code 0A000.
func (d *Database) Listen(channel string) (*Pending, error) {
	if err := checkText(channel); err != nil {
		return nil, err
	}
	return d.host.listen(channel)
}

// lowered returns a statement whose values are nil, bool, int64, float64, string and []byte.
func lowered(statement Statement) (Statement, error) {
	if err := checkText(statement.Text); err != nil {
		return statement, err
	}
	values := make([]any, len(statement.Parameters))
	for index, parameter := range statement.Parameters {
		value, err := parameterOf(parameter)
		if err != nil {
			return statement, &ParameterError{index + 1, err}
		}
		values[index] = value
	}
	return Statement{statement.Text, values}, nil
}

// ParameterError is a value that no placeholder can have.
type ParameterError struct {
	// Number is that of the placeholder, from 1.
	Number int
	err    error
}

// Error says which value it is, and why it can't be sent.
func (e *ParameterError) Error() string {
	return fmt.Sprintf("the value for $%d: %v", e.Number, e.err)
}

// Unwrap returns the reason, such as a [*NotUTF8Error].
func (e *ParameterError) Unwrap() error {
	return e.err
}

// DatabaseError is an error of the database, which has refused a statement. Nothing was changed.
type DatabaseError struct {
	// Code is SQLSTATE, such as 23505 for a value that is there already; for SQLite the nearest one
	// of PostgreSQL.
	Code string
	// Message is the database's.
	Message string
}

// Error returns the message and the code.
func (e *DatabaseError) Error() string {
	return fmt.Sprintf("%s (%s)", e.Message, e.Code)
}

// IsDuplicate returns whether an error is that a value was there already that may be there once, in
// any database.
func IsDuplicate(err error) bool {
	var refused *DatabaseError
	if !errors.As(err, &refused) {
		return false
	}
	// MySQL has one code for all that a row may not be.
	return refused.Code == "23505" ||
		refused.Code == "23000" && strings.Contains(refused.Message, "Duplicate entry")
}

// OverloadedError means that others have too much under way, in words that name the limit. Try
// again later.
type OverloadedError struct {
	Words string
}

// Error returns the words.
func (e *OverloadedError) Error() string {
	return e.Words
}

// ErrTimedOut means that a statement took too long. It is unknown whether it was carried out.
var ErrTimedOut = errors.New("the database took too long")

// passingError is an error that passes by itself, of a database, so that the client may try again.
type passingError struct {
	error
}

// Unwrap returns the error.
func (e passingError) Unwrap() error {
	return e.error
}
