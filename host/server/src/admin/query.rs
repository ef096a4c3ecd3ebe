//! The parameters in the query of an admin page.

use percent_encoding::percent_decode_str;

/// Rows on a page if the query has no `limit`.
const LIMIT: usize = 100;
/// The highest `limit`.
const LIMIT_MAX: usize = 1_000;

/// The reason why a page is refused: a status, and words.
pub type Refused = (u16, String);

/// The parameters of a query, percent-decoded.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `name=value&name=value`, of these names.
    ///
    /// # Errors
    /// A name that is none of them, or a value that is not UTF-8 text.
    pub fn parse(query: &str, names: &[&str]) -> Result<Parameters, Refused> {
        let parse = |parameter: &str| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(value).decode_utf8().ok();
            match value.filter(|_| names.contains(&name)) {
                Some(value) => Ok((name.to_owned(), value.into_owned())),
                None => Err((400, format!("the parameters are {}\n", names.join(", ")))),
            }
        };
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty()).map(parse);
        parameters.collect::<Result<_, _>>().map(Parameters)
    }

    /// Returns the first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Returns the first value of a name, without which the page can't be made.
    pub fn required(&self, name: &str) -> Result<&str, Refused> {
        self.get(name).ok_or_else(|| (400, format!("the parameter {name} is missing\n")))
    }

    /// Returns `limit`: the number of rows of a page.
    pub fn limit(&self) -> Result<usize, Refused> {
        match self.get("limit").map(str::parse) {
            None => Ok(LIMIT),
            Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
            Some(_) => Err((400, format!("limit must be a number from 1 to {LIMIT_MAX}\n"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_checked() {
        let names = ["bucket", "key"];
        let parameters = Parameters::parse("key=a%2Fb%3D%C3%9F&bucket=", &names).ok().unwrap();
        assert_eq!((parameters.get("key"), parameters.get("bucket")), (Some("a/b=ß"), Some("")));
        assert!(parameters.required("other").is_err());
        for bad in ["what=1", "key=%ff", "bucket=a&prefix=b"] {
            let refused = Parameters::parse(bad, &names).err();
            assert_eq!(
                refused,
                Some((400, "the parameters are bucket, key\n".to_owned())),
                "{bad}"
            );
        }
        assert!(Parameters::parse("", &names).is_ok());
    }

    #[test]
    fn the_rows_of_a_page_are_limited() {
        let limit = |query| Parameters::parse(query, &["limit"]).unwrap().limit().ok();
        assert_eq!(
            (limit(""), limit("limit=1"), limit("limit=1000")),
            (Some(100), Some(1), Some(1_000))
        );
        for bad in ["limit=0", "limit=1001", "limit=x", "limit=", "limit"] {
            assert_eq!(limit(bad), None, "{bad}");
        }
    }
}
