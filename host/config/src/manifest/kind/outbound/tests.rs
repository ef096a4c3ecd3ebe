//! Rules of `outbound` and hosts without a proxy: those that are taken, and those that are not.

use crate::manifest::parse;

/// Returns the error of a manifest that is refused.
fn wrong(text: &str) -> String {
    parse(text, "snow.toml").expect_err(text).to_string()
}

#[test]
fn a_field_that_can_never_be_sent_is_a_mistake_of_the_file_and_not_repeated() {
    let long = format!("'s3cret{}'", "x".repeat(8_190));
    for (value, column, words) in [
        (r#""s3cret\r\nb: c""#, 52, "has a control character, such as the end of a line"),
        ("''", 52, "is empty"),
        ("{ secret = '' }", 52, "is empty"),
        (&long, 52, "has 8196 bytes; a field has at most 8192"),
        (&format!("{{ secret = {long}, prefix = 'abc' }}"), 52, "has 8199 bytes"),
    ] {
        let text = format!(
            "[guest.shop]\noutbound = [{{ url = 'https://a', headers = {{ X-a = {value} }} }}]\n"
        );
        let said = wrong(&text);
        let place = format!("snow.toml:2:{column}: `headers.X-a` {words}");
        assert!(said.starts_with(&place) && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn hosts_without_a_proxy_are_checked_one_by_one() {
    let said = wrong("[server]\noutbound_no_proxy = ['10.0.0.0/8',\n'*.internal:80', '']\n");
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let begins = [
        "snow.toml:3:1: `outbound_no_proxy` can't be \"*.internal:80\": a port has no place in it",
        "snow.toml:3:18: `outbound_no_proxy` can't be \"\": it is empty: write a name such as",
    ];
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{said}");
}
