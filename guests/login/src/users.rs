//! Users in a table: names, and hashes of their passwords.
//!
//! The hash is argon2id, as in the example `notes`, with a salt for each user.

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use snow_guest::prelude::*;
use snow_guest::sql::Dialect;
use snow_guest::system;

/// The user whom a new table has, and the password.
const FIRST: (&str, &str) = ("alice", "wonderland");
/// The hash that a password is compared with when there is no such user. That takes as long, so the
/// time of an answer does not tell which names there are. No password has this hash.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA\
                      $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(19_456, 2, 1, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Returns the user of this name with this password, by the name as it is stored.
pub fn find(name: &str, password: &str) -> Result<Option<String>> {
    let app = Database::open("app")?;
    let table = table(&app)?;
    let select = format!("select name, hash from {table} where name = $1");
    let found = match app.query(&select, [name]) {
        // There is no table yet.
        Err(error) if matches!(error.code(), Some("42P01" | "42S02")) => {
            make(&app, table)?;
            app.query(&select, [name])?
        }
        found => found?,
    };
    let (name, hash) = match found.first() {
        Some(row) => (Some(row.get::<String>("name")?), row.get::<String>("hash")?),
        None => (None, NOBODY.to_owned()),
    };
    let is_right = hasher()?.verify_password(password.as_bytes(), hash.as_str()).is_ok();
    Ok(name.filter(|_| is_right))
}

/// Makes the table with its first user, both at once: others may look for a user at the same time,
/// and may make the table.
fn make(app: &Database, table: &str) -> Result<()> {
    let create = format!(
        "create table if not exists {table} \
         (name varchar(64) primary key, hash varchar(255) not null)"
    );
    let (name, password) = FIRST;
    let salt = system::random::<16>();
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt)?.to_string();
    let made = match app.dialect()? {
        // It ends a transaction when it makes a table, but can fill it in one statement.
        Dialect::Mysql => {
            app.query(&format!("{create} select $1 as name, $2 as hash"), (name, hash)).map(drop)
        }
        Dialect::Postgres | Dialect::Sqlite => {
            let insert = format!("insert into {table} (name, hash) values ($1, $2)");
            let both = [Statement::new(create), Statement::with(insert, (name, hash))];
            app.transact(both).map(drop)
        }
    };
    match made {
        // Somebody else was faster. PostgreSQL says it of the table, or of the type of its rows.
        Err(error) if error.is_duplicate() => Ok(()),
        Err(error) if matches!(error.code(), Some("42P07" | "42710")) => Ok(()),
        made => Ok(made?),
    }
}

/// The table's name, which is a word of SQL too.
fn table(app: &Database) -> Result<&'static str> {
    Ok(match app.dialect()? {
        Dialect::Mysql => "`user`",
        Dialect::Postgres | Dialect::Sqlite => "\"user\"",
    })
}
