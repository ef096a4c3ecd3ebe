//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write as _};

use snow_core::{Distribution, escape_control, is_hidden};

/// The format's content type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A label's name and value.
pub type Label<'a> = (&'a str, &'a str);

/// The type of a metric.
#[derive(Clone, Copy)]
pub enum MetricType {
    /// A value that only grows.
    Counter,
    /// A value that goes up and down.
    Gauge,
}

/// A page of metrics that is being written. Writing to a `String` can't fail, so the results of
/// `write!` are dropped.
#[derive(Default)]
pub struct Exposition(String);

impl Exposition {
    /// Writes a metric with one value.
    pub fn single(&mut self, kind: MetricType, name: &str, help: &str, value: impl Display) {
        self.family(kind, name, help, [([], value)]);
    }

    /// Writes a metric with a value for each set of labels. Writes nothing if there are no values.
    pub fn family<'a, const N: usize, V: Display>(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([Label<'a>; N], V)>,
    ) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return;
        }
        self.head(
            name,
            help,
            if matches!(kind, MetricType::Counter) { "counter" } else { "gauge" },
        );
        for (labels, value) in values {
            self.sample(name, "", &labels, &value);
        }
    }

    /// Writes a histogram for each set of labels, in seconds. One second has `units_per_s` units of
    /// the distributions.
    pub fn histogram<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        units_per_s: f64,
        values: impl IntoIterator<Item = ([Label<'a>; N], Distribution)>,
    ) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return;
        }
        self.head(name, help, "histogram");
        for (labels, distribution) in values {
            let bounds =
                distribution.bounds.iter().map(|&bound| (bound as f64 / units_per_s).to_string());
            // Prometheus' buckets are cumulative: each has all values up to its bound.
            let mut below = 0;
            for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&distribution.counts) {
                below += count;
                let labels: Vec<Label<'_>> =
                    labels.iter().copied().chain([("le", &*bound)]).collect();
                self.sample(name, "_bucket", &labels, &below);
            }
            self.sample(name, "_sum", &labels, &(distribution.sum as f64 / units_per_s));
            self.sample(name, "_count", &labels, &below);
        }
    }

    /// Returns the page.
    pub fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &[Label<'_>], value: &dyn Display) {
        self.0 += name;
        self.0 += suffix;
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            self.0 += label;
            self.0 += "=\"";
            self.escape(text);
            self.0.push('"');
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn escape(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\\' => self.0 += "\\\\",
                '"' => self.0 += "\\\"",
                '\n' => self.0 += "\\n",
                // The format allows them, and somebody's terminal does what they say.
                _ if is_hidden(character) => {
                    self.0 += "\\";
                    self.0 += &escape_control(character.encode_utf8(&mut [0; 4]));
                }
                _ => self.0.push(character),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snow_core::Histogram;

    #[test]
    fn values_have_help_type_and_escaped_labels() {
        let mut out = Exposition::default();
        out.single(MetricType::Gauge, "a_now", "As it is\nnow: \\.", 1.5);
        let values = [([("route", "/a\"b\\c\nd"), ("guest", "g\r\u{202e}")], 3)];
        out.family(MetricType::Counter, "a_total", "So far.", values);
        out.family(
            MetricType::Counter,
            "none_total",
            "Nothing.",
            Vec::<([Label<'_>; 1], u64)>::new(),
        );
        let expected = "# HELP a_now As it is\\nnow: \\\\.\n# TYPE a_now gauge\na_now 1.5\n\
            # HELP a_total So far.\n# TYPE a_total counter\n\
            a_total{route=\"/a\\\"b\\\\c\\nd\",guest=\"g\\\\r\\\\u{202e}\"} 3\n";
        assert_eq!(out.finish(), expected);
    }

    #[test]
    fn a_histogram_is_cumulative_and_in_seconds() {
        static BOUNDS: [u64; 3] = [1, 20, 30_000];
        let histogram = Histogram::new(&BOUNDS);
        [0, 1, 15, 40_000].into_iter().for_each(|ms| histogram.add(ms));
        let mut out = Exposition::default();
        out.histogram("a_seconds", "How long.", 1e3, [([("w", "0")], histogram.read())]);
        let expected = "# HELP a_seconds How long.\n# TYPE a_seconds histogram\n\
            a_seconds_bucket{w=\"0\",le=\"0.001\"} 2\na_seconds_bucket{w=\"0\",le=\"0.02\"} 3\n\
            a_seconds_bucket{w=\"0\",le=\"30\"} 3\na_seconds_bucket{w=\"0\",le=\"+Inf\"} 4\n\
            a_seconds_sum{w=\"0\"} 40.016\na_seconds_count{w=\"0\"} 4\n";
        assert_eq!(out.finish(), expected);
    }
}
