//! A rule, and on the next line a URL: what is read is written and means the same, and a field that
//! the host adds goes with what the rule allows, and with nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snow_config::{AddedField, ConfigValue, OutboundRule, OutboundRules};
use url::Url;

fuzz_target!(|data: &str| {
    let (rule, url) = data.split_once('\n').unwrap_or((data, ""));
    let Ok(rule) = rule.parse::<OutboundRule>() else { return };
    let again = rule.to_string().parse::<OutboundRule>();
    assert_eq!(again.as_ref(), Ok(&rule), "{rule}");
    let Ok(url) = Url::parse(url) else { return };
    let field = AddedField::new("authorization", "", ConfigValue::plain("x")).expect("it is one");
    let Ok(rule) = rule.adding(vec![field]) else { return };
    let rules: OutboundRules = [rule].into_iter().collect();
    let allowed = rules.allow("GET", &url);
    assert_eq!(rules.added("GET", &url).len(), usize::from(allowed));
    assert!(!allowed || matches!(url.scheme(), "http" | "https"));
});
