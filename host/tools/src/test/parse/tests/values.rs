//! Values that steps save and name, JSON, the store and the config of a case.

use super::*;

/// Returns the steps of the only case in a text.
#[track_caller]
fn steps(text: &str) -> Vec<Step> {
    good(&format!("[[case]]\nname = 'a'\n{text}")).cases.remove(0).steps
}

const SAVE: &str = "[[case.step]]\npath = '/'\nsave = { id = { json = '/id' } }\n";

#[test]
fn every_way_to_save_is_read() {
    let steps = steps(
        "[[case.step]]\npath = '/'\n[case.step.save]
        a = { json = '' }
        b = { body_matches = 'x(.)' }
        c = { header = 'location' }
        d = { header = 'link', matches = '<(.*)>' }
        e = { cookie = 'session' }
        ",
    );
    let Action::Request { save, .. } = &steps[0].action else { panic!("{steps:?}") };
    let from: Vec<&SaveFrom> = save.iter().map(|save| &save.from).collect();
    assert!(
        matches!(
            &from[..],
            [
                SaveFrom::Json { pointer },
                SaveFrom::Body { .. },
                SaveFrom::Header { pattern: None, .. },
                SaveFrom::Header { name, pattern: Some(_) },
                SaveFrom::Cookie { .. },
            ] if pointer.literal() == Some("") && name == "link"
        ),
        "{save:?}"
    );
}

#[test]
fn saved_values_may_be_named_in_all_texts_of_later_steps() {
    let steps = steps(&format!(
        "{SAVE}[[case.step]]
        method = 'POST'
        path = '/{{{{id}}}}'
        headers = {{ a = '{{{{id}}}}' }}
        json = {{ '{{{{id}}}}' = ['{{{{ id }}}}', 'no. {{{{id}}}}'] }}
        [case.step.expect]
        body = '{{{{id}}}}'
        body_contains = '{{{{id}}}}'
        body_matches = '^{{{{id}}}}$'
        headers = {{ b = '{{{{id}}}}', c = {{ matches = '{{{{id}}}}' }} }}
        json = {{ id = '{{{{id}}}}' }}
        json_at = {{ '/{{{{id}}}}/x' = '{{{{id}}}}' }}
        [[case.step]]
        settle = {{ key = '{{{{id}}}}', value = '{{{{id}}}}' }}
        [[case.step]]
        store = {{ b = {{ '{{{{id}}}}' = '{{{{id}}}}' }} }}
        [[case.step]]
        expect_store = {{ b = {{ '{{{{id}}}}' = {{ matches = '{{{{id}}}}' }} }} }}
        [[case.step]]
        path = '/'
        form = {{ a = '{{{{id}}}}', b = [1, true, '{{{{{{{{'] }}
        "
    ));
    assert_eq!(steps.len(), 6);
    assert_eq!(steps[1].action.to_string(), "POST /{{id}}");
    let Action::Request { request, expect, .. } = &steps[1].action else { panic!("{steps:?}") };
    assert!(matches!(&request.content, Content::Json(JsonText::Object(_))));
    assert_eq!((expect.headers.len(), expect.body.len(), expect.json.len()), (2, 3, 2));
    let Action::Request { request, .. } = &steps[5].action else { panic!("{steps:?}") };
    let Content::Form(fields) = &request.content else { panic!("{request:?}") };
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(fields, ["a={{id}}", "b=1", "b=true", "b={{"]);
}

#[test]
fn names_that_no_earlier_step_saves_are_told() {
    let case = |steps: &str| format!("[[case]]\nname = 'a'\n{SAVE}[[case.step]]\n{steps}\n");
    bad(&case("path = '/{{idd}}'"), &[("7:8", "no earlier step saves `idd`: did you mean `id`?")]);
    bad(
        &case("path = '/'\nexpect = { json = { a = ['{{x}}'] } }"),
        &[("8:26", "no earlier step saves `x`: one needs save = { x = … }")],
    );
    bad(&case("path = '/{{id'"), &[("7:8", "no `}}` ends it")]);
    bad(&case("path = '/{{i d}}'"), &[("7:8", "is not the name of a saved value")]);
    // A step can't use what it saves itself, nor what another case has saved.
    bad(
        &case("path = '/{{b}}'\nsave = { b = { header = 'b' } }"),
        &[("7:8", "no earlier step saves `b`")],
    );
    bad(
        &case("path = '/'\n[[case]]\nname = 'b'\npath = '/{{id}}'"),
        &[("10:8", "no earlier step saves `id`")],
    );
    bad(
        "[[case]]\nname = 'a'\npath = '/'\nstore = { b = { k = '{{id}}' } }\n",
        &[("4:21", "no earlier step saves `id`")],
    );
}

#[test]
fn wrong_saves_are_told() {
    let case = |save: &str| format!("[[case]]\nname = 'a'\npath = '/'\nsave = {{ {save} }}\n");
    for (save, at, words) in [
        ("a = 1", "4:14", "`a` takes a table: { json = "),
        ("a = {}", "4:14", "`a` of `save` is a table: { json = "),
        ("a = { json = '/x', cookie = 'c' }", "4:14", "`a` of `save` is a table"),
        ("a = { matches = '(x)' }", "4:14", "`matches` stands beside `header` only"),
        ("a = { jsn = '/x', json = '' }", "4:16", "did you mean `json`?"),
        ("a = { json = 'x' }", "4:23", "begins with `/`, as in \"/parcels/0/id\""),
        ("a = { json = '/x~2' }", "4:23", "`~0` for a `~`"),
        ("a = { body_matches = 'x' }", "4:31", "`body_matches` has no group"),
        ("a = { body_matches = '(?:x)' }", "4:31", "`body_matches` has no group"),
        ("a = { body_matches = '(' }", "4:31", "not a regular expression"),
        ("a = { header = 'b', matches = 'x' }", "4:40", "`matches` has no group"),
        ("'a b' = { json = '/x' }", "4:10", "\"a b\" can't be the name of a saved value"),
    ] {
        bad(&case(save), &[(at, words)]);
    }
    let held = "[[case]]\nname = 'a'\n[[case.step]]\nheld = 'x'\npath = '/'\nsave = {}\n";
    bad(held, &[("6:1", "(another step, `answer`, takes its answer) has no `save`")]);
}

#[test]
fn json_is_values_of_the_file_or_text() {
    let request = |line: &str| {
        let steps = steps(&format!("method = 'POST'\npath = '/'\n{line}\n"));
        match &steps[0].action {
            Action::Request {
                request: RequestText { content: Content::Json(json), .. }, ..
            } => json.clone(),
            other => panic!("{other:?}"),
        }
    };
    let from_toml = request("json = { a = [1, -2.5, true, 'x'], b = {} }");
    let JsonText::Object(members) = &from_toml else { panic!("{from_toml:?}") };
    assert_eq!(members.len(), 2);
    assert_eq!(request(r#"json = '{"b":{},"a":[1,-2.5,true,"x"]}'"#), from_toml);
    assert_eq!(request("json = 'null'"), JsonText::Plain(serde_json::Value::Null));
    let line = |line: &str| format!("[[case]]\nname = 'a'\npath = '/'\n{line}\n");
    for (text, at, words) in [
        ("json = '{'", "4:8", "this text is not JSON: EOF while parsing an object"),
        ("json = '{\"a\":{{id}}}'", "4:8", "a saved value is quoted too"),
        ("json = { a = 1979-05-27 }", "4:14", "JSON has no dates"),
        ("json = [inf]", "4:9", "JSON has no number"),
        ("json = [1]\nform = { a = 'b' }", "5:8", "there are `json` and `form`"),
        ("form = { a = {} }", "4:14", "`a` takes a string, a number, true or false"),
        ("form = 'a=b'", "4:8", "`form` takes a table"),
        ("expect = { json_at = { a = 1 } }", "4:22", "\"a\" is not a JSON pointer"),
        ("expect = { json_at = '[1]' }", "4:22", "`json_at` takes a table"),
    ] {
        bad(&line(text), &[(at, words)]);
    }
    let deep = format!("json = '{}'", "[".repeat(100_000));
    bad(&line(&deep), &[("4:8", "recursion limit exceeded")]);
    let deep = format!("json = {}", "[".repeat(100_000));
    assert!(parsed(&line(&deep)).unwrap_err().to_string().contains("recurs"));
}

#[test]
fn the_store_stands_beside_the_steps_or_is_one() {
    let steps = steps(
        "[case.store.notes]
        'user/ann' = 'x'
        session = { json = { a = 1 }, expires = '1h' }
        gone = { absent = true }
        [[case.step]]
        path = '/'
        [[case.step]]
        store = { other = { a = { value = 'b' } } }
        [case.expect_store.notes]
        'user/ann' = { contains = 'x' }
        session = { json = '{}' }
        text = { value = 'y' }
        gone = { absent = true }
        ",
    );
    let shown: Vec<String> = steps
        .iter()
        .map(|step| format!("{} {:?} {}", step.line, step.number, step.action))
        .collect();
    assert_eq!(
        shown,
        [
            "3 None write into the store",
            "7 Some(1) GET /",
            "9 Some(2) write into the store",
            "11 None look into the store",
        ]
    );
    let Action::SetStore(writes) = &steps[0].action else { panic!("{steps:?}") };
    let writes: Vec<_> = writes
        .iter()
        .map(|write| (write.key.to_string(), write.value.is_some(), write.expires))
        .collect();
    let hour = Some(Duration::from_secs(3_600));
    let is = |key: &str, has_value, expires| (key.to_owned(), has_value, expires);
    assert_eq!(
        writes,
        [is("gone", false, None), is("session", true, hour), is("user/ann", true, None)]
    );
    let Action::ExpectStore(entries) = &steps[3].action else { panic!("{steps:?}") };
    let values: Vec<&ExpectedValue> = entries.iter().map(|entry| &entry.value).collect();
    assert!(
        matches!(
            &values[..],
            [
                ExpectedValue::Absent,
                ExpectedValue::Json(_),
                ExpectedValue::Text(Matcher::Equals(_)),
                ExpectedValue::Text(Matcher::Contains(_)),
            ]
        ),
        "{values:?}"
    );

    let line = |line: &str| format!("[[case]]\nname = 'a'\npath = '/'\n{line}\n");
    for (text, at, words) in [
        ("store = 1", "4:9", "`store` takes a table of buckets"),
        ("store = { b = 1 }", "4:15", "`b` takes a table of buckets"),
        ("store = { b = { k = 1 } }", "4:21", "`k` takes a string, { json = … }"),
        ("store = { b = { k = {} } }", "4:21", "one of `value`, `json` and `absent = true`"),
        ("store = { b = { k = { absent = true, expires = '1h' } } }", "4:21", "one of `value`"),
        ("store = { b = { k = { value = 'v', expires = 'soon' } } }", "4:46", "a time span"),
        ("expect_store = { b = { k = { values = '' } } }", "4:30", "did you mean `value`?"),
        ("expect_store = { b = { k = {} } }", "4:28", "one of `value`, `json`, `contains`"),
        ("config = { a = 1 }", "4:16", "`a` takes a string"),
        ("config = { '' = 'x' }", "4:12", "has 1 to 1024 bytes"),
    ] {
        bad(&line(text), &[(at, words)]);
    }
}

#[test]
fn the_config_of_the_guest_stands_beside_the_steps_or_is_one() {
    let file = good(
        "[[case]]\nname = 'a'\nconfig = { greeting = 'hi' }\n\
         [[case.step]]\nconfig = { greeting = 'bye' }\n",
    );
    let texts = |config: &[(String, Text)]| {
        config.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>()
    };
    assert_eq!(texts(&file.cases[0].config), ["greeting=hi"]);
    let [Step { line: 4, number: Some(1), action: Action::SetConfig(config) }] =
        &file.cases[0].steps[..]
    else {
        panic!("{file:?}")
    };
    assert_eq!(texts(config), ["greeting=bye"]);
}

#[test]
fn the_examples_of_the_page_about_testing_are_valid() {
    let page = include_str!("../../../../../../docs/testing.md");
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.collect();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    for block in blocks {
        match block.starts_with("[[case]]") {
            true => good(block),
            // A part of a case, in which an earlier step has begun a session.
            false => good(&format!(
                "[[case]]\nname = 'a'\n\
                 [[case.step]]\npath = '/'\nsave.session = {{ cookie = 'c' }}\n{block}"
            )),
        };
    }
}
