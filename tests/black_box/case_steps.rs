//! `snow-host test`: what steps save and send, JSON, the store and the config of a case; and
//! answers that are made to harm whoever reads them.

use std::fs;

use crate::harness::{Folder, Played, run};

/// A shop with items in its store, sessions by a cookie, and some answers that nobody wants.
const SHOP: &str = r#"import { bucket, pending, route, suspend } from 'snow';
const items = bucket();
route('POST', '/items', async (request) => {
  const item = await request.json();
  item.number = items.increment('number');
  items.set(`item/${item.number}`, item);
  return new Response(JSON.stringify(item), {
    status: 201,
    headers: { location: `/items/${item.number}`, 'content-type': 'application/json' },
  });
});
route('GET', '/items/(?<number>[0-9]+)', ({ params }) => items.get(`item/${params.number}`)?.json());
route('POST', '/echo', async (request) => new Response(await request.bytes(), {
  headers: { 'content-type': request.headers.get('content-type') ?? 'none' },
}));
route('GET', '/log-in', () => new Response('<input name="token" value="t&amp;1">', {
  headers: { 'set-cookie': 'session=abc; Path=/; HttpOnly' },
}));
route('GET', '/me', (request) => request.headers.get('cookie') ?? 'nobody');
route('GET', '/wait/(?<key>.*)', ({ params }) => suspend([pending(params.key)]));
route('GET', '/changed', () => suspend([items.changed('seen', items.get('seen'))]));
route('GET', '/deep', () => '['.repeat(100_000) + ']'.repeat(100_000));
route('GET', '/long', () => 'ab'.repeat(4_000_000));
route('GET', '/many', () => `[${'[],'.repeat(2_000_000)}[]]`);
route('GET', '/wild', () => new Response(new Uint8Array([255, 254, 0])));
"#;

const CASES: Played = Played { name: "shop", source: SHOP, manifest: "" };

#[test]
fn a_value_is_saved_from_each_part_of_an_answer() {
    CASES.passes(
        r#"[[case.step]]
        method = 'POST'
        path = '/items'
        json = { name = 'tea', tags = ['green'] }
        expect = { status = 201, json = { number = 1, name = 'tea', tags = ['green'] } }
        save.number = { json = '/number' }
        save.tag = { json = '/tags/0' }
        save.place = { header = 'location' }
        save.last = { header = 'Location', matches = '/([0-9]+)$' }
        [[case.step]]
        path = '{{place}}'
        expect.json_at = { '/number' = '{{number}}', '/tags' = ['{{tag}}'] }
        expect.body_matches = '"number":{{last}}[,}]'
        [[case.step]]
        path = '/log-in'
        save.session = { cookie = 'session' }
        save.token = { body_matches = 'value="([^"]+)"' }
        [[case.step]]
        path = '/me'
        headers.cookie = 'a=b; session={{session}}'
        expect.body = 'a=b; session={{ session }}'
        [[case.step]]
        method = 'POST'
        path = '/echo'
        form = { token = '{{token}}', braces = '{{{{', 'a b' = ['1', '2'] }
        expect.body = 'a+b=1&a+b=2&braces=%7B%7B&token=t%26amp%3B1'
        expect.headers.content-type = 'application/x-www-form-urlencoded'
        [[case.step]]
        held = 'w'
        path = '/wait/{{session}}'
        [[case.step]]
        settle = { key = '{{session}}', value = 'is {{number}}' }
        [[case.step]]
        answer = 'w'
        expect.body = 'is 1'
        save.said = { body_matches = 'is (.)' }
        [[case.step]]
        method = 'POST'
        path = '/echo'
        headers = { content-type = 'application/merge-patch+json' }
        json = '{ "number": "{{number}}", "text": "no. {{said}}", "{{tag}}": null }'
        expect.json = '{ "number": 1, "text": "no. 1", "green": null }'
        expect.headers.content-type = 'application/merge-patch+json'
        "#,
    );
}

#[test]
fn a_value_that_is_not_there_is_told_with_its_step() {
    CASES.fails(
        "[[case.step]]
        path = '/log-in'
        [[case.step]]
        path = '/log-in'
        save.csrf = { cookie = 'csrf' }
        ",
        &[
            "shop.test.toml:5: step 2 of 2: GET /log-in\n",
            "`csrf` can't be saved: the answer sets no cookie \"csrf\"; it sets \"session\"",
        ],
    );
    CASES.fails(
        "path = '/me'\nsave.id = { json = '/id' }\n",
        &["`id` can't be saved: expected JSON, but expected ident", "got     \"nobody\""],
    );
    let Some(out) = CASES.play(
        "[[case]]\nname = 'a'\npath = '/{{x}}'\n[[case]]\nname = 'b'\npath = '/'\n\
         save = { y = { body_matches = 'x' } }\n",
    ) else {
        return;
    };
    for words in [
        "shop.test.toml:3:8: no earlier step saves `x`: one needs save = { x = … }",
        "shop.test.toml:7:31: `body_matches` has no group",
    ] {
        assert!(out.contains(words), "{out}");
    }
    assert!(!out.contains("passed"), "nothing runs: {out}");
}

#[test]
fn a_difference_in_json_has_its_place() {
    CASES.fails(
        "method = 'POST'
        path = '/items'
        json = { name = 'tea', price = { cents = 250 }, tags = ['a', 'b'] }
        [case.expect]
        status = 201
        json = { number = 2, name = 'tea', price = { cents = 2.5e2 }, tags = ['a'], sold = true }
        json_at = { '/price/cents' = '250', '/name' = 'tea', '/tags/2' = 'c' }
        ",
        &[
            "json /number: expected 2, got 1\n",
            "json /tags/1: expected none, got \"b\"\n",
            "json /sold: expected true, there is none\n",
            "json /price/cents: expected \"250\", got 250\n",
            "json /tags/2: expected \"c\", there is none in {\"",
        ],
    );
}

#[test]
fn the_store_is_written_before_and_between_and_looked_into_after() {
    CASES.passes(
        r#"[case.store.shop]
        number = '6'
        'item/3' = { json = { name = 'tea' } }
        short = { value = 'x', expires = '1h' }
        [[case.step]]
        path = '/items/3'
        expect.json = { name = 'tea' }
        [[case.step]]
        method = 'POST'
        path = '/items'
        json = { name = 'salt' }
        expect = { status = 201 }
        save.number = { json = '/number' }
        [[case.step]]
        expect_store.shop = { 'item/{{number}}' = { json = { name = 'salt', number = 7 } }, short = 'x' }
        [[case.step]]
        advance = '1h'
        [[case.step]]
        held = 'w'
        path = '/changed'
        [[case.step]]
        store.shop = { seen = 'yes', 'item/3' = { absent = true } }
        [[case.step]]
        answer = 'w'
        expect.status = 200
        [case.expect_store.shop]
        short = { absent = true }
        'item/3' = { absent = true }
        number = { matches = '^[0-9]+$' }
        'item/7' = { contains = 'salt' }
        "#,
    );
    CASES.fails(
        "path = '/me'
        store.shop = { a = 'b', c = '{}' }
        [case.expect_store.shop]
        a = 'x'
        b = 'x'
        c = { json = { d = 1 } }
        [case.expect_store.other]
        a = 'x'
        ",
        &[
            "shop.test.toml:5: look into the store\n",
            "store shop \"a\": expected \"x\"\n",
            "             got      \"b\"\n",
            "store shop \"b\": there is none; the bucket has \"a\", \"c\"\n",
            "store shop \"c\": json /d: expected 1, there is none\n",
            "store other \"a\": there is none; the bucket is empty\n",
        ],
    );
    CASES.fails(
        &format!("path = '/me'\nstore.shop = {{ {} = 'x' }}\n", "k".repeat(10_000)),
        &["shop.test.toml:4: write into the store", "of the bucket \"shop\" can't be written: "],
    );
}

/// Cases must not see, let alone change, what a server keeps.
#[test]
fn the_data_folder_of_the_manifest_is_left_alone() {
    let data = Folder::new();
    let place = data.path().join("data");
    let manifest = format!("[server]\ndata = '{}'\n", place.display());
    let cases = "[[case]]\nname = 'a'\npath = '/hello'\nexpect_store.b.k = { absent = true }\n";
    let Some(folder) = Folder::with(&["hello"]) else { return };
    folder.add("snow.toml", manifest.as_bytes());
    folder.add("hello.test.toml", cases.as_bytes());
    let output = run(["test", folder.path().to_str().expect("a plain name")]);
    assert!(output.status.success(), "{output:?}");
    assert!(fs::metadata(place).is_err(), "nothing was made there");
}

#[test]
fn a_step_changes_the_config_while_the_server_runs() {
    let Some(folder) = Folder::with(&["configured"]) else { return };
    folder.add("snow.toml", b"[guest.configured.config]\ngreeting = 'old'\nother = 'stays'\n");
    let case = "[[case]]
        name = 'a'
        config = { greeting = 'hello', mood = 'good' }
        [[case.step]]
        path = '/rc/get/greeting'
        expect.body_contains = '\"hello\"'
        save.answer = { body_matches = '\"(.*)\"' }
        [[case.step]]
        config = { greeting = '{{answer}} again' }
        [[case.step]]
        path = '/rc/get/greeting'
        expect.body_contains = '\"hello again\"'
        [[case.step]]
        path = '/rc/get/other'
        expect.body_contains = '\"stays\"'
        [[case.step]]
        path = '/rc/get/mood'
        expect.body_contains = '\"good\"'

        [[case]]
        name = 'the next case has a server of its own'
        path = '/rc/get/greeting'
        expect.body_contains = '\"old\"'
        ";
    folder.add("configured.test.toml", case.as_bytes());
    let output = run(["test", folder.path().to_str().expect("a plain name")]);
    assert!(output.status.success(), "{output:?}");
}

/// What a guest answers is not trusted: a reader must neither end nor wait for long.
#[test]
fn answers_can_not_harm_the_reader() {
    CASES.fails(
        "path = '/deep'\nexpect.json = []\n",
        &["json: expected JSON, but recursion limit exceeded at line 1", "(200000 bytes)"],
    );
    CASES.fails("path = '/deep'\nsave.x = { json = '/0' }\n", &["recursion limit exceeded"]);
    CASES.fails(
        "path = '/long'\nsave.x = { body_matches = '((?:a?b?)*)' }\n",
        &["`x` can't be saved: it has 8000000 bytes; at most 1048576 can be saved"],
    );
    CASES.fails(
        "path = '/long'\nexpect.body_matches = '(a|b|ab)*(ab)*[^b]$'\n",
        &["expected a match of", "(8000000 bytes)"],
    );
    CASES.fails(
        "path = '/many'\nexpect.json = [1]\n",
        &["json /0: expected 1, got []", "more differ"],
    );
    CASES.fails(
        "path = '/wild'\nexpect.json = [1]\n",
        &["expected JSON, but", "3 bytes that are not"],
    );
    CASES.fails(
        "path = '/wild'\nsave.x = { body_matches = '(?s-u:(.*))' }\n",
        &["`x` can't be saved: it has 3 bytes that are not UTF-8"],
    );
    // What was saved is no part of a pattern, and no part of a head.
    CASES.fails(
        "[[case.step]]\npath = '/deep'\nsave.x = { body_matches = '(.{9000})' }\n\
         [[case.step]]\npath = '/{{x}}'\nexpect.status = 404\n",
        &["step 2 of 2: GET /{{x}}"],
    );
}
