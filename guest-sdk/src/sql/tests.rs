use super::*;
use crate::Response;

#[test]
fn columns_are_read_by_name_and_type() {
    let rows = Rows::new(
        &["id", "name", "price", "gone"],
        [vec![Value::from(7), "bread".into(), "2.50".into(), Value::Null]],
    );
    let row = rows.first().unwrap();
    assert_eq!((rows.len(), rows.affected(), rows.last_id()), (1, 1, None));
    assert_eq!(row.get::<i64>("id"), Ok(7));
    assert_eq!(row.get::<u8>("id"), Ok(7));
    assert_eq!(row.get::<String>("name"), Ok("bread".to_owned()));
    assert_eq!(row.get::<f64>("price"), Ok(2.5), "decimals are texts");
    assert_eq!(row.get::<Option<String>>("gone"), Ok(None));
    assert_eq!((row.value("name"), row.value("none")), ("bread".into(), Value::Null));
    let said = |error: ColumnError| error.to_string();
    let missing = said(row.get::<i64>("ID").unwrap_err());
    assert!(missing.contains("`ID`") && missing.contains("id, name, price, gone"), "{missing}");
    let null = said(row.get::<String>("gone").unwrap_err());
    assert!(null.contains("it is null, not"), "{null}");
    let wrong = said(row.get::<i64>("name").unwrap_err());
    assert!(wrong.contains("a text") && !wrong.contains("bread"), "{wrong}");
    assert!(row.get::<bool>("id").is_err() && Rows::new::<Value>(&[], []).is_empty());
}

#[test]
fn values_come_from_what_rust_has() {
    let Statement(raw) = Statement::new("x").bind(1).bind("a").bind(None::<i64>).bind(u64::MAX);
    let values: Vec<Value> = raw.parameters.iter().map(|value| Value::lift(Some(value))).collect();
    let largest = Value::Text("18446744073709551615".into());
    assert_eq!(values, [Value::Integer(1), "a".into(), Value::Null, largest.clone()]);
    assert_eq!(u64::from_value(largest), Ok(u64::MAX));
    assert_eq!(bool::from_value(Value::Integer(1)), Ok(true));
    assert_eq!(Vec::from_value(Value::Text("x".into())), Ok(b"x".to_vec()));
}

#[test]
fn an_error_is_the_answer_that_it_should_be() {
    let status = |error: SqlError| Response::from(Error::from(error)).code();
    let failed =
        |code: &str, message: &str| SqlError::Failed { code: code.into(), message: message.into() };
    assert_eq!(status(SqlError::Unavailable("x".into())), 503);
    assert_eq!(status(SqlError::Overloaded("x".into())), 503);
    assert_eq!(status(SqlError::TimedOut), 503);
    assert_eq!(status(SqlError::Limit("x".into())), 500);
    assert_eq!(status(SqlError::Denied), 500);
    assert_eq!(status(failed("42601", "x")), 500);
    assert!(failed("23505", "x").is_duplicate());
    assert!(failed("23000", "Duplicate entry 'a'").is_duplicate());
    assert!(!failed("23000", "Column 'a' cannot be null").is_duplicate());
    assert_eq!(failed("42601", "no").code(), Some("42601"));
    assert_eq!(failed("42601", "no").to_string(), "no (42601)");
}

#[test]
fn without_a_host_there_is_no_database() {
    assert_eq!(Database::open("app").unwrap_err(), SqlError::Denied);
}
