//! What a call does with databases: it begins an operation elsewhere, and waits in place.

use std::sync::{Arc, Mutex};

use wasmtime::StoreContextMut;
use wasmtime::component::Resource;

use snow_core::{PendingId, Refusal, lock};
use snow_runtime::{
    Database, Join, Level, Listening, OperationId, Settled, Settlement, Source, SqlError,
    SqlListen, SqlRows, SqlStatement, SqlWork, Wait,
};

use crate::contract::context::CallContext;
use crate::contract::types::Pending;
use crate::runtime::Runtime;

/// The host's side of a database that a guest has open: its name.
pub(crate) struct OpenDatabase(Arc<str>);

/// Why an operation did nothing, or is not known to have done anything.
pub(super) enum Refused {
    /// The guest may not use this database, or not here.
    Denied,
    /// It has failed.
    Sql(SqlError),
}

impl From<SqlError> for Refused {
    fn from(error: SqlError) -> Refused {
        Refused::Sql(error)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        match refusal {
            Refusal::Denied => Refused::Denied,
            _ => limit("too many pendings of this call, this guest or in all"),
        }
    }
}

fn limit(words: impl Into<String>) -> Refused {
    Refused::Sql(SqlError::Limit(words.into()))
}

type Operation<T> = Result<T, Refused>;
/// The place where the result of an operation is put.
type Place<T> = Arc<Mutex<Option<Result<T, SqlError>>>>;

impl CallContext {
    /// Opens a database, if the guest may use it.
    pub(super) fn open_database(&mut self, name: &str) -> Operation<Resource<OpenDatabase>> {
        let database = self.granted(name)?;
        let opened = self.open_databases.add(OpenDatabase(database.name.clone()));
        opened.ok_or_else(|| limit("too many databases are open"))
    }

    /// Returns an open database, if the guest may still use it: the instance may be older than the
    /// manifest.
    pub(super) fn database(&self, open: &Resource<OpenDatabase>) -> Operation<Arc<Database>> {
        let OpenDatabase(name) = self.open_databases.get(open).ok_or(Refused::Denied)?;
        self.granted(name)
    }

    fn granted(&self, name: &str) -> Operation<Arc<Database>> {
        if !self.can_wait() {
            let message = "a database can't be used while a guest is loaded";
            self.log(Level::Warn, message.into());
            return Err(Refused::Denied);
        }
        self.permit().database(name).map_err(|remedy| {
            self.explain_denial(&format!("use the database {name:?}"), remedy);
            Refused::Denied
        })
    }

    /// Checks what can be seen of statements before they are sent.
    fn check(&self, statements: &[SqlStatement]) -> Operation<()> {
        let limits = &self.runtime.limits;
        let (most, has) = (limits.sql_transaction_statements_max, statements.len());
        if has > most {
            return Err(limit(format!(
                "the transaction has {has} statements; at most {most} are allowed \
                 (sql_transaction_statements_max)"
            )));
        }
        for SqlStatement { text, parameters } in statements {
            let (most, has) = (limits.sql_statement_bytes_max, text.len());
            if has > most {
                return Err(limit(format!(
                    "a statement has {has} bytes; at most {most} are allowed \
                     (sql_statement_bytes_max)"
                )));
            }
            let (most, has) = (limits.sql_parameters_max, parameters.len());
            if has > most {
                return Err(limit(format!(
                    "a statement has {has} parameters; at most {most} are allowed \
                     (sql_parameters_max)"
                )));
            }
        }
        Ok(())
    }
}

/// Carries out statements, and waits in place until there is a result.
pub(super) async fn run(
    mut store: StoreContextMut<'_, CallContext>,
    database: &Resource<OpenDatabase>,
    statements: Vec<SqlStatement>,
    is_transaction: bool,
) -> Operation<Vec<SqlRows>> {
    let context = store.data_mut();
    let database = context.database(database)?;
    context.check(&statements)?;
    if statements.is_empty() {
        return Ok(Vec::new());
    }
    let work = SqlWork {
        guest: context.permit.name.clone(),
        database,
        limits: context.runtime.limits.clone(),
        statements,
        is_transaction,
    };
    let answer = in_place(&mut store, |runtime, done| runtime.databases.run(work, done)).await?;
    // From here on the guest's memory has them.
    Ok(answer.results)
}

/// Creates a pending that the next notification settles. Waits in place until the channel is
/// listened to.
pub(super) async fn listen(
    mut store: StoreContextMut<'_, CallContext>,
    database: &Resource<OpenDatabase>,
    channel: String,
) -> Operation<Resource<Pending>> {
    let context = store.data_mut();
    let database = context.database(database)?;
    let waits = context.create(None, Source::None)?;
    let listen = SqlListen {
        guest: context.permit.name.clone(),
        database,
        limits: context.runtime.limits.clone(),
        channel,
        waiter: context.handle(waits.rep()).expect("it was created").id,
    };
    let begun = begin_to_listen(&mut store, listen).await;
    let context = store.data_mut();
    match begun {
        Ok(operation) => {
            context.set_source(&waits, Source::Operation(operation));
            Ok(waits)
        }
        Err(refused) => {
            context.drop_handle(waits.rep());
            Err(refused)
        }
    }
}

/// Begins to listen. Returns the operation, which goes on until the pending is released.
async fn begin_to_listen(
    store: &mut StoreContextMut<'_, CallContext>,
    listen: SqlListen,
) -> Operation<OperationId> {
    let mut begun = None;
    let waited = in_place(store, |runtime, done| {
        let done: Box<dyn FnOnce(Result<Option<OperationId>, SqlError>) + Send> = done;
        let place = Arc::new(Mutex::new(Some(done)));
        let later = place.clone();
        let told = Box::new(move |result: Result<(), SqlError>| {
            if let Some(done) = lock(&later).take() {
                done(result.map(|()| None));
            }
        });
        match runtime.databases.listen(listen, told) {
            Listening::Soon(operation) => {
                begun = Some(operation);
                operation
            }
            Listening::Now(operation) => {
                if let Some(done) = lock(&place).take() {
                    done(Ok(Some(operation)));
                }
                operation
            }
        }
    })
    .await?;
    Ok(waited.or(begun).expect("one of the two is how it began"))
}

/// Begins an operation, and waits in place until it reports its result.
async fn in_place<T: Send + 'static>(
    store: &mut StoreContextMut<'_, CallContext>,
    begin: impl FnOnce(&Runtime, Box<dyn FnOnce(Result<T, SqlError>) + Send>) -> OperationId,
) -> Operation<T> {
    let context = store.data_mut();
    let pending = context.create(None, Source::None)?;
    let id = context.handle(pending.rep()).expect("it was created").id;
    let result: Place<T> = Place::default();
    let done = Box::new(report(&context.runtime, id, result.clone()));
    let operation = begin(&context.runtime, done);
    context.set_source(&pending, Source::Operation(operation));
    if !context.registry().is_settled(id) {
        let handle = context.handle(pending.rep()).expect("it was created");
        let parking = context.parking.clone();
        // The operation ends by its own time. The longest wait is that of a suspension.
        let wait = Wait { handles: vec![handle], until: Join::All, timeout_ms: Some(u32::MAX) };
        let handles = parking.park(wait).await;
        store.data_mut().take_back(&handles);
    }
    let context = store.data_mut();
    let result = lock(&result).take();
    if result.is_none() {
        context.runtime.cancel(operation);
    }
    // It is over, so the worker has nothing to cancel.
    context.set_source(&pending, Source::None);
    context.drop_handle(pending.rep());
    Ok(result.unwrap_or(Err(SqlError::TimedOut))?)
}

/// Returns what puts a result in its place, and wakes the call.
fn report<T: Send + 'static>(
    runtime: &Runtime,
    pending: PendingId,
    place: Place<T>,
) -> impl FnOnce(Result<T, SqlError>) + Send + use<T> {
    let runtime = runtime.clone();
    move |result| {
        *lock(&place) = Some(result);
        let settled = Settled::new(Settlement::Value(Arc::default()));
        // It fails if the call is over: its client has left.
        if let Ok(waiter) = runtime.registry.settle(pending, settled) {
            runtime.post.wake(waiter.as_slice());
        }
    }
}
