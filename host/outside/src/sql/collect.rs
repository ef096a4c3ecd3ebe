//! Results as they come, within their limits.

use snow_config::Limits;
use snow_runtime::{SqlAnswer, SqlError, SqlRows, SqlValue};

use crate::places::Held;

/// Collects what the statements of an operation return. What is too much is noticed at the row with
/// which it is, and nothing is kept beyond.
pub(super) struct Collector {
    results: Vec<SqlRows>,
    /// Whether the last of the results is under way.
    is_begun: bool,
    rows: usize,
    bytes: usize,
    rows_max: usize,
    bytes_max: usize,
    /// The bytes of all operations: of this one, its statements and what was collected.
    held: Held,
    held_max: usize,
}

impl Collector {
    /// Collects nothing yet. `held` has the bytes of the statements.
    pub fn new(limits: &Limits, held: Held) -> Collector {
        Collector {
            results: Vec::new(),
            is_begun: false,
            rows: 0,
            bytes: 0,
            rows_max: limits.sql_rows_max,
            bytes_max: limits.sql_result_bytes_max,
            held,
            held_max: limits.sql_bytes_max,
        }
    }

    /// Begins the result of a statement that returns rows.
    pub fn begin(&mut self, columns: Vec<String>) -> Result<(), SqlError> {
        let bytes = columns.iter().map(|name| size_of::<String>() + name.len()).sum();
        self.take(bytes)?;
        self.results.push(SqlRows { columns, ..SqlRows::default() });
        self.is_begun = true;
        Ok(())
    }

    /// Adds a row to the result that was begun.
    pub fn row(&mut self, row: Vec<SqlValue>) -> Result<(), SqlError> {
        self.rows += 1;
        if self.rows > self.rows_max {
            let most = self.rows_max;
            return Err(SqlError::Limit(format!(
                "there are more than {most} rows in the result (sql_rows_max)"
            )));
        }
        self.take(size_of_val(&row) + row.iter().map(SqlValue::bytes).sum::<usize>())?;
        if let Some(result) = self.results.last_mut() {
            result.rows.push(row);
        }
        Ok(())
    }

    /// Ends the result of a statement; one that returns no rows was not begun. `affected` is `None`
    /// if the number of rows is to be counted.
    pub fn end(&mut self, affected: Option<u64>, last_id: Option<i64>) -> Result<(), SqlError> {
        if !std::mem::take(&mut self.is_begun) {
            self.take(size_of::<SqlRows>())?;
            self.results.push(SqlRows::default());
        }
        if let Some(result) = self.results.last_mut() {
            result.affected = affected.unwrap_or(result.rows.len() as u64);
            result.last_id = last_id;
        }
        Ok(())
    }

    /// Returns how many bytes more may come.
    pub fn room(&self) -> usize {
        self.bytes_max - self.bytes
    }

    /// Returns the failure of a result that has more bytes than it may.
    pub fn too_large(&self) -> SqlError {
        let most = self.bytes_max;
        SqlError::Limit(format!(
            "there are more than {most} bytes in the result (sql_result_bytes_max)"
        ))
    }

    /// Forgets what was collected: the statements are carried out once more.
    pub fn clear(&mut self) {
        self.results.clear();
        self.held.give_back(self.bytes);
        (self.is_begun, self.rows, self.bytes) = (false, 0, 0);
    }

    /// Returns what was collected. Its bytes are counted until nobody has it any more.
    pub fn answer(self) -> SqlAnswer {
        SqlAnswer { results: self.results, held: Box::new(self.held) }
    }

    fn take(&mut self, bytes: usize) -> Result<(), SqlError> {
        if bytes > self.room() {
            return Err(self.too_large());
        }
        if !self.held.add(bytes, self.held_max) {
            return Err(SqlError::Overloaded(
                "other statements and results leave no room for the result (sql_bytes_max)".into(),
            ));
        }
        self.bytes += bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::Places;

    fn collector(places: &Places, limits: &Limits) -> Collector {
        Collector::new(limits, places.hold())
    }

    #[test]
    fn rows_bytes_and_the_sum_of_all_are_bounded() {
        let places = Places::default();
        let limits = Limits {
            sql_rows_max: 2,
            sql_result_bytes_max: 400,
            sql_bytes_max: 500,
            ..Limits::default()
        };
        let text = |bytes: usize| vec![SqlValue::Text("x".repeat(bytes))];
        let failure = |error: SqlError, setting: &str| {
            assert!(error.to_string().contains(setting), "{error}");
        };

        let mut rows = collector(&places, &limits);
        rows.begin(vec!["a".into()]).unwrap();
        rows.row(text(1)).unwrap();
        rows.row(text(1)).unwrap();
        failure(rows.row(text(1)).unwrap_err(), "sql_rows_max");
        drop(rows);

        let mut bytes = collector(&places, &limits);
        bytes.begin(vec!["a".into()]).unwrap();
        failure(bytes.row(text(400)).unwrap_err(), "sql_result_bytes_max");
        bytes.row(text(200)).unwrap();
        let mut other = collector(&places, &limits);
        other.begin(vec!["a".into()]).unwrap();
        failure(other.row(text(200)).unwrap_err(), "sql_bytes_max");
        drop((bytes, other));
        assert_eq!(places.bytes(), 0, "what is dropped is not counted");
    }

    #[test]
    fn what_is_forgotten_is_not_counted() {
        let places = Places::default();
        let limits = Limits { sql_result_bytes_max: 400, sql_bytes_max: 500, ..Limits::default() };
        let mut held = places.hold();
        assert!(held.add(100, limits.sql_bytes_max));
        let mut again = Collector::new(&limits, held);
        for _ in 0..3 {
            again.begin(vec!["a".into()]).unwrap();
            again.row(vec![SqlValue::Text("x".repeat(200))]).unwrap();
            assert!(places.bytes() > 300);
            again.clear();
            assert_eq!(places.bytes(), 100, "the statement is still there");
        }
        assert!(again.answer().results.is_empty());
        assert_eq!(places.bytes(), 0);
    }

    #[test]
    fn a_result_without_rows_is_one_too() {
        let (places, limits) = (Places::default(), Limits::default());
        let mut all = collector(&places, &limits);
        all.end(Some(3), Some(7)).unwrap();
        all.begin(vec!["a".into()]).unwrap();
        all.row(vec![SqlValue::Integer(1)]).unwrap();
        all.end(None, None).unwrap();
        let answer = all.answer();
        let [changed, found] = &answer.results[..] else { panic!("{:?}", answer.results) };
        assert_eq!((changed.affected, changed.last_id, changed.columns.len()), (3, Some(7), 0));
        assert_eq!((found.affected, found.rows.len(), &*found.columns[0]), (1, 1, "a"));
        assert!(places.bytes() > 0);
        drop(answer);
        assert_eq!(places.bytes(), 0);
    }
}
