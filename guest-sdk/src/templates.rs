//! Pages of templates whose values are escaped. The feature `templates`.

use crate::{Response, Result};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

/// Templates in the language of Jinja, by [minijinja](https://docs.rs/minijinja) (Apache-2.0). With
/// the feature `templates`.
///
/// Each value is escaped for HTML, whatever the template is called, unless it goes through the
/// filter `safe`. A value that a template names and that is not there is an error, with the
/// template's line.
///
/// Each call that makes them reads them anew: give it those that its page needs.
///
/// ```
/// use serde::Serialize;
/// use snow_guest::Templates;
/// use snow_guest::prelude::*;
///
/// #[derive(Serialize)]
/// struct Page<'a> { name: &'a str }
///
/// #[route(GET, r"/hello")]
/// fn hello(request: Request) -> Result<Response> {
///     let pages = Templates::new([("hello", "<p>hello {{ name }}</p>")])?;
///     let name = request.query_param("name").unwrap_or_default();
///     pages.page("hello", Page { name: &name })
/// }
///
/// snow_guest::serve!(hello);
/// # fn main() {
/// let page = hello(Request::new("GET", "/hello?name=<b>")).unwrap();
/// assert_eq!(page.body(), b"<p>hello &lt;b&gt;</p>");
/// # }
/// ```
#[derive(Debug)]
pub struct Templates(Environment<'static>);

impl Templates {
    /// Templates with their names, by which they include and extend one another: usually from files
    /// beside the source, by `include_str!`.
    ///
    /// # Errors
    ///
    /// A mistake in a template. With `?` the client gets a 500, and the host's log has the name and
    /// the line.
    pub fn new(templates: impl IntoIterator<Item = (&'static str, &'static str)>) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in templates {
            environment.add_template(name, text)?;
        }
        Ok(Self(environment))
    }

    /// 200 with a page, `text/html` in UTF-8.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new); a template or a value that is not there.
    pub fn page(&self, template: &str, values: impl Serialize) -> Result<Response> {
        Ok(Response::html(self.0.get_template(template)?.render(Serde(values))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn page(template: &'static str, value: &str) -> Result<String> {
        let pages =
            Templates::new([("page.txt", template), ("frame", "[{% block a %}{% endblock %}]")])?;
        let response = pages.page("page.txt", BTreeMap::from([("value", value)]))?;
        Ok(String::from_utf8(response.body().to_vec())?)
    }

    #[test]
    fn values_are_escaped_whatever_the_name() {
        let evil = "<script>'\"&";
        let escaped = page("<a title=\"{{ value }}\">", evil).unwrap();
        assert_eq!(escaped, "<a title=\"&lt;script&gt;&#x27;&quot;&amp;\">");
        assert_eq!(page("{{ value|safe }}", evil).unwrap(), evil);
        let extended = "{% extends 'frame' %}{% block a %}{{ value }}{% endblock %}";
        assert_eq!(page(extended, "<").unwrap(), "[&lt;]");
    }

    #[test]
    fn mistakes_have_their_place() {
        let wrong = page("\n{{ valeu }}", "").unwrap_err().to_string();
        assert!(wrong.contains("undefined") && wrong.contains("page.txt:2"), "{wrong}");
        let wrong = page("\n\n{% if %}", "").unwrap_err().to_string();
        assert!(wrong.contains("page.txt:3"), "{wrong}");
        assert!(page("{% include 'none' %}", "").is_err());
    }
}
