//! Steps that settle keys.

use toml::de::{DeTable, DeValue};

use super::values::{Value, Values, get};
use crate::test::cases::{Action, Content, ExpectedWaiters, SettlementText};
use crate::test::saved::Text;

const SETTLE_KEYS: &[&str] = &["key", "value", "failed", "response", "all"];

impl Values<'_> {
    /// Reads `settle`, and `expect` beside it.
    pub fn settle(&mut self, value: &Value<'_>, expect: Option<&Value<'_>>) -> Option<Action> {
        let wanted = "a table, such as { key = \"orders/1\", value = \"text\" }";
        let table = self.table("settle", wanted, value)?;
        self.check_keys("`settle`", table, &[SETTLE_KEYS]);
        let all =
            get(table, "all").and_then(|value| self.reader.boolean("all", value)).unwrap_or(false);
        let settlement = self.settlement(value, table);
        let expect = expect
            .map_or(Some(ExpectedWaiters::AtLeastOne), |value| self.expected_waiters(value, all));
        let Some(key) = get(table, "key") else {
            self.problem(value.span(), "`settle` has a `key`".to_owned());
            return None;
        };
        let (key, settlement, expect) = (self.text("key", key)?, settlement?, expect?);
        Some(Action::Settle { key, all, settlement, expect })
    }

    fn settlement(&mut self, place: &Value<'_>, table: &DeTable<'_>) -> Option<SettlementText> {
        match (get(table, "value"), get(table, "failed"), get(table, "response")) {
            (Some(value), None, None) => self.text("value", value).map(SettlementText::Value),
            (None, Some(failed), None) => {
                let table =
                    self.table("failed", "a table, { code = \"…\", message = \"…\" }", failed)?;
                self.check_keys("`failed`", table, &[&["code", "message"]]);
                let mut text = |name: &str| match get(table, name) {
                    Some(value) => self.text(name, value),
                    None => Some(Text::default()),
                };
                let (code, message) = (text("code")?, text("message")?);
                Some(SettlementText::Failed { code, message })
            }
            (None, None, Some(response)) => {
                let wanted = "a table, { status = 200, headers = { … }, body = \"…\" }";
                let table = self.table("response", wanted, response)?;
                self.check_keys(
                    "`response`",
                    table,
                    &[&["status", "headers", "body", "body_file", "json"]],
                );
                let status = get(table, "status");
                let status = status
                    .map_or(Some(200), |value| self.reader.integer("status", value, 200..=599));
                let headers = self.headers(table);
                let content = self.content(table).unwrap_or(Content::Bytes(Vec::new()));
                Some(SettlementText::Response { status: status? as u16, headers, content })
            }
            _ => {
                let message = "`settle` has one of `value`, `failed` and `response`";
                self.problem(place.span(), message.to_owned());
                None
            }
        }
    }

    fn expected_waiters(&mut self, value: &Value<'_>, all: bool) -> Option<ExpectedWaiters> {
        match value.get_ref() {
            DeValue::String(text) if text == "ok" => Some(ExpectedWaiters::AtLeastOne),
            DeValue::String(text) if text == "nobody" => Some(ExpectedWaiters::Nobody),
            DeValue::Integer(_) if all => {
                let count = self.reader.integer("expect", value, 0..=u64::from(u32::MAX))?;
                Some(ExpectedWaiters::Exactly(count as u32))
            }
            _ => {
                let message = "`expect` of a settlement is \"ok\" (somebody waited) or \"nobody\"; with `all = true` \
                               it may also be the number of requests that waited";
                self.problem(value.span(), message.to_owned());
                None
            }
        }
    }
}
