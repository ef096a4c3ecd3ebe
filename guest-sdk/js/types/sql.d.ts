// Databases.

declare module 'snow' {
  /**
   * A value of a column. An integer that no number holds exactly is a bigint. Decimals, dates,
   * times, UUIDs, JSON and all other types are texts, as are integers above 2^63 - 1.
   */
  export type SqlValue = null | boolean | number | bigint | string | Uint8Array<ArrayBuffer>;

  /**
   * A value for a placeholder. A number without a fraction is an integer if it is a safe one, and a
   * `Date` is a text such as `2026-01-02T03:04:05.000+00:00`; a bigint of more than 64 bits is a
   * text.
   */
  export type SqlParameter =
    SqlValue | undefined | Uint8Array | ArrayBuffer | ArrayBufferView | Date;

  /** What a statement returned, whose rows have the type `R`: nobody checks that. */
  export interface SqlResult<R = Record<string, any>> {
    /**
     * The rows, in their order: objects by the names of the columns. Of several columns with one
     * name the first counts.
     */
    readonly rows: R[];
    /** The names of the columns; empty if it returns no rows. */
    readonly columns: string[];
    /** How many rows it has changed; for a `select`, as the database counts. */
    readonly affected: number;
    /**
     * The value that was made for a column that numbers its rows (`AUTO_INCREMENT`, or the `rowid`
     * of SQLite); null for PostgreSQL, which has `returning`.
     */
    readonly lastId: number | bigint | null;
  }

  /** A statement with a value for each of its placeholders. */
  export interface SqlStatement {
    text: string;
    values?: readonly SqlParameter[];
  }

  /**
   * A database: PostgreSQL, MySQL and MariaDB, or SQLite. Nothing of it is to be awaited but
   * {@link listen}: a query waits in place, and its line goes on when the result is there. Each
   * method throws a {@link SqlError}.
   */
  export interface Database {
    readonly name: string;

    /** Returns what it speaks, for a guest that is to run with several. MariaDB is `'mysql'`. */
    dialect(): 'postgres' | 'mysql' | 'sqlite';

    /**
     * Carries out one statement, with a value for each of its placeholders: `$1`, `$2` and so on,
     * in every database. Values of clients belong there, and never into the text.
     *
     * ```ts
     * type User = { name: string };
     * const { rows } = app.query<User>('select name from users where id = $1', [id]);
     * ```
     *
     * If the client leaves meanwhile, the call ends, and the database is asked to stop.
     */
    query<R = Record<string, any>>(text: string, values?: readonly SqlParameter[]): SqlResult<R>;

    /**
     * Carries out statements as one transaction: all of them or none. Returns what each returned.
     * It is the only way to a transaction.
     *
     * ```ts
     * app.transact([
     *   { text: 'update accounts set cents = cents - $1 where id = $2', values: [cents, payer] },
     *   { text: 'update accounts set cents = cents + $1 where id = $2', values: [cents, payee] },
     * ]);
     * ```
     */
    transact(statements: Iterable<string | SqlStatement>): SqlResult[];

    /**
     * Creates a pending that is settled with the payload of the next notification on a channel
     * (PostgreSQL's `NOTIFY`). Listen first, look at the data then, and suspend if there is nothing
     * new: no notification after this call is missed. If the connection is lost, that is a
     * {@link Failure} with the code `unavailable`. For other databases it throws: `0A000`.
     */
    listen(channel: string): Pending;
  }

  /**
   * Returns a database by its name in snow.toml, which has to grant it to this guest (`databases`).
   * It asks the host for nothing, and may stand at the top of a file.
   */
  export function database(name: string): Database;

  /**
   * Why there is no result. A handler that does not catch it answers 500, or 503 if it may be over
   * soon ({@link isTemporary}); the log has the reason.
   */
  export class SqlError extends Error {
    private constructor();
    /**
     * - `denied`: this guest may not use this database here. The host's log says what the deployer
     *   can do.
     * - `limit`: this is too much. The message names the limit of the host.
     * - `overloaded`: others have too much under way.
     * - `failed`: the database refuses the statement. Nothing was changed.
     * - `unavailable`: it can't be reached; or the connection was lost, and it is unknown whether
     *   the statement was carried out.
     * - `timed-out`: it took too long. It is unknown whether the statement was carried out.
     */
    readonly code: 'denied' | 'limit' | 'overloaded' | 'failed' | 'unavailable' | 'timed-out';
    /** SQLSTATE after `failed`, such as `23505` for a value that is there already; else null. */
    readonly sqlState: string | null;
    /** Whether a value was there already that may be there once, in any database. */
    readonly isDuplicate: boolean;
    /** Whether it may be over soon: `overloaded`, `unavailable` and `timed-out`. */
    readonly isTemporary: boolean;
  }
}
