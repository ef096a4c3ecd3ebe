//! `multipart/form-data` (RFC 7578, and RFC 2046 for the boundaries), of a content that has arrived
//! whole.
//!
//! By hand, since the parsers that are well kept (such as `multer`) read streams, with futures; here
//! the content lies in memory, and files are parts of it that nobody copies.

use super::{File, Form, FormLimits};
use crate::accept::value_and_parameters;
use crate::{Error, Result};

/// Bytes of a part's header fields.
const HEAD_BYTES_MAX: usize = 8_192;
/// Bytes of the header fields of all parts together.
const HEADS_BYTES_MAX: usize = 1 << 20;

pub(super) fn parse<'a>(body: &'a [u8], boundary: &str, limits: FormLimits) -> Result<Form<'a>> {
    let is_boundary = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let is_valid = (1..=70).contains(&boundary.len())
        && boundary.bytes().all(is_boundary)
        && !boundary.ends_with(' ');
    if !is_valid {
        return Err(malformed("`content-type` has no `boundary` of 1 to 70 of its characters"));
    }
    let delimiter = format!("\r\n--{boundary}");
    let mut form = Form::default();
    let mut heads_bytes = 0;
    let mut rest = first_part(body, delimiter.as_bytes())?;
    while let Some(part) = rest {
        limits.room(form.fields.len() + form.files.len())?;
        let (head, content) = head_and_content(part)?;
        heads_bytes += head.0.len();
        if heads_bytes > HEADS_BYTES_MAX {
            let text =
                format_args!("the form has more than {HEADS_BYTES_MAX} bytes of header fields");
            return Err(Error::status(413, text));
        }
        if split_at(head.0, delimiter.as_bytes()).is_some() {
            return Err(malformed("a part has no empty line behind its header fields"));
        }
        let Some((content, after)) = split_at(content, delimiter.as_bytes()) else {
            return Err(malformed("it is cut off: the last boundary is missing"));
        };
        let content = content.strip_prefix(b"\r\n").unwrap_or_default();
        let head = head.parse()?;
        match head.file_name {
            None => {
                FormLimits::part(&head.name, content.len(), limits.value_bytes_max)?;
                let value = String::from_utf8_lossy(content).into_owned();
                form.fields.push((head.name, value));
            }
            Some(name) => {
                FormLimits::part(&head.name, content.len(), limits.file_bytes_max)?;
                let Head { name: field, content_type, .. } = head;
                form.files.push(File { field, name, content_type, bytes: content });
            }
        }
        rest = behind_boundary(after)?;
    }
    Ok(form)
}

fn malformed(why: &str) -> Error {
    Error::status(400, format_args!("malformed multipart/form-data: {why}"))
}

/// What is behind the first boundary; `None` if that is the last one.
fn first_part<'a>(body: &'a [u8], delimiter: &[u8]) -> Result<Option<&'a [u8]>> {
    // At the beginning no line end stands before it. What stands before it is for nobody.
    let after = match body.strip_prefix(&delimiter[2..]) {
        Some(after) => after,
        None => match split_at(body, delimiter) {
            Some((_, after)) => after,
            None => return Err(malformed("the boundary that `content-type` names is not there")),
        },
    };
    behind_boundary(after)
}

/// The part behind a boundary; `None` if it is the last boundary. What stands behind that one is for
/// nobody.
fn behind_boundary(after: &[u8]) -> Result<Option<&[u8]>> {
    if after.starts_with(b"--") {
        return Ok(None);
    }
    // A gateway may have added spaces.
    let spaces = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match after[spaces..].strip_prefix(b"\r\n") {
        Some(part) => Ok(Some(part)),
        None if after[spaces..].is_empty() => Err(malformed("it is cut off behind a boundary")),
        None => Err(malformed("a boundary has something behind it in its line")),
    }
}

/// What stands before and behind the first delimiter. One pass: the delimiter has its first byte
/// nowhere else, so no byte is looked at for two places.
fn split_at<'a>(bytes: &'a [u8], delimiter: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut from = 0;
    loop {
        let at = from + bytes[from..].iter().position(|byte| *byte == delimiter[0])?;
        if let Some(after) = bytes[at..].strip_prefix(delimiter) {
            return Some((&bytes[..at], after));
        }
        from = at + 1;
    }
}

/// The header fields of a part as they were sent.
struct RawHead<'a>(&'a [u8]);

/// Splits a part behind its header fields. The line end of the empty line stays with the content: in
/// a part without content it is the next boundary's.
fn head_and_content(part: &[u8]) -> Result<(RawHead<'_>, &[u8])> {
    let within = &part[..part.len().min(HEAD_BYTES_MAX + 4)];
    match within.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(end) => Ok((RawHead(&part[..end]), &part[end + 2..])),
        None if part.len() > HEAD_BYTES_MAX => Err(Error::status(
            413,
            format_args!(
                "a part of the form has more than {HEAD_BYTES_MAX} bytes of header fields"
            ),
        )),
        None => Err(malformed("a part has no empty line behind its header fields")),
    }
}

/// What the header fields of a part say.
struct Head {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
}

impl RawHead<'_> {
    fn parse(&self) -> Result<Head> {
        let text = std::str::from_utf8(self.0)
            .map_err(|_| malformed("the header fields of a part are not UTF-8"))?;
        let (mut name, mut file_name, mut content_type) = (None, None, None);
        for line in text.split("\r\n") {
            let Some((field, value)) = line.split_once(':') else {
                return Err(malformed("a line among the header fields of a part is none"));
            };
            let value = value.trim_ascii();
            if field.eq_ignore_ascii_case("content-disposition") {
                let (kind, parameters) = value_and_parameters(value);
                if !kind.eq_ignore_ascii_case("form-data") {
                    return Err(malformed("`content-disposition` of a part is not `form-data`"));
                }
                for (parameter, value) in parameters {
                    let place = match &*parameter.to_ascii_lowercase() {
                        "name" => &mut name,
                        "filename" => &mut file_name,
                        _ => continue,
                    };
                    // Two readers may take two of them, so neither is right.
                    if place.replace(decode(&value)).is_some() {
                        return Err(malformed("a part has two names"));
                    }
                }
            } else if field.eq_ignore_ascii_case("content-type") {
                let (kind, _) = value_and_parameters(value);
                if kind.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/")) {
                    return Err(malformed("a part within a part: RFC 7578 has done away with it"));
                }
                content_type = Some(value.to_owned());
            } else if field.eq_ignore_ascii_case("content-transfer-encoding") {
                let plain = ["7bit", "8bit", "binary"];
                if !plain.iter().any(|plain| value.eq_ignore_ascii_case(plain)) {
                    return Err(malformed("a part is encoded: RFC 7578 has done away with it"));
                }
            }
        }
        let name = name.ok_or_else(|| malformed("a part has no name"))?;
        Ok(Head { name, file_name, content_type })
    }
}

/// The three characters that browsers write otherwise in names.
fn decode(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Response;

    /// A form with the boundary `xyz`, in which `|` is a line end.
    fn form(body: &str, limits: FormLimits) -> Result<Vec<String>, (u16, String)> {
        let body = body.replace('|', "\r\n");
        let form = match parse(body.as_bytes(), "xyz", limits) {
            Ok(form) => form,
            Err(error) => {
                let response = Response::from(error);
                let text = String::from_utf8(response.body().to_vec()).unwrap();
                return Err((response.code(), text));
            }
        };
        let fields = form.fields().map(|(name, value)| format!("{name}={value}"));
        let files = form.files().iter().map(|file| {
            let kind = file.content_type.as_deref().unwrap_or("none");
            format!("{}={}:{kind}:{}", file.field, file.name, String::from_utf8_lossy(file.bytes))
        });
        Ok(fields.chain(files).collect())
    }

    #[track_caller]
    fn is(body: &str, wanted: &[&str]) {
        assert_eq!(form(body, FormLimits::default()).unwrap(), wanted, "{body}");
    }

    #[track_caller]
    fn is_refused(body: &str, words: &str) {
        let (status, text) = form(body, FormLimits::default()).unwrap_err();
        assert_eq!((status, &*text), (400, &*format!("malformed multipart/form-data: {words}")));
    }

    const A: &str = "content-disposition: form-data; name=a";

    #[test]
    fn fields_and_files_are_read() {
        is(
            "--xyz|Content-Disposition: form-data; name=\"a\"||one|two|--xyz|\
             content-disposition:form-data; name=\"f\"; filename=\"C:\\a;\\\"b%22%.txt\"|\
             Content-Type: text/plain; charset=utf-8||\u{1}--xy|-|--xyz--|",
            &["a=one\r\ntwo", "f=C:\\a;\"b\"%.txt:text/plain; charset=utf-8:\u{1}--xy\r\n-"],
        );
        is("--xyz--", &[]);
        is(&format!("--xyz|{A}; filename=\"\"||x|--xyz--"), &["a=:none:x"]);
    }

    #[test]
    fn what_is_around_the_parts_is_for_nobody() {
        is(&format!("before|--xyz \t|{A}||1|--xyz--|after|--xyz"), &["a=1"]);
        is(&format!("a--xyz|--xyz|{A}||1|--xyz--"), &["a=1"]);
    }

    #[test]
    fn contents_may_be_empty_or_look_like_boundaries() {
        is(&format!("--xyz|{A}|||--xyz--"), &["a="]);
        is(&format!("--xyz|{A}||--xyz--"), &["a="]);
        is(&format!("--xyz|{A}||x--xyz||--xy|--xyz--"), &["a=x--xyz\r\n\r\n--xy"]);
        is(&format!("--xyz|{A}||\r\r\r|--xyz--"), &["a=\r\r\r"]);
    }

    #[test]
    fn what_is_cut_off_is_refused_wherever() {
        let whole = format!("--xyz|{A}||1|--xyz|{A}; filename=b||2|--xyz--").replace('|', "\r\n");
        for end in 0..whole.len() {
            let error = form(&whole[..end], FormLimits::default()).unwrap_err();
            assert_eq!(error.0, 400, "{:?}", &whole[..end]);
        }
        is_refused(&format!("--xyz|{A}||1"), "it is cut off: the last boundary is missing");
        is_refused("--xyz", "it is cut off behind a boundary");
        is_refused("", "the boundary that `content-type` names is not there");
        is_refused("a=b", "the boundary that `content-type` names is not there");
    }

    #[test]
    fn what_is_no_part_is_refused() {
        is_refused(
            &format!("--xyzz|{A}||1|--xyz--"),
            "a boundary has something behind it in its line",
        );
        is_refused("--xyz|content-type: a/b||1|--xyz--", "a part has no name");
        is_refused(
            &format!("--xyz|x: y|--xyz|{A}||1|--xyz--"),
            "a part has no empty line behind its header fields",
        );
        is_refused("--xyz||1|--xyz--", "a part has no empty line behind its header fields");
        is_refused(&format!("--xyz|{A}; name=b||1|--xyz--"), "a part has two names");
        is_refused(
            "--xyz|content-disposition: attachment; name=a||1|--xyz--",
            "`content-disposition` of a part is not `form-data`",
        );
        is_refused(
            &format!("--xyz|{A}|x||1|--xyz--"),
            "a line among the header fields of a part is none",
        );
        is_refused(
            &format!("--xyz|{A}|content-transfer-encoding: base64||1|--xyz--"),
            "a part is encoded: RFC 7578 has done away with it",
        );
    }

    #[test]
    fn a_nested_form_is_refused() {
        is_refused(
            &format!("--xyz|{A}|Content-Type: Multipart/mixed; boundary=b||--b|--b--|--xyz--"),
            "a part within a part: RFC 7578 has done away with it",
        );
    }

    #[test]
    fn a_boundary_has_its_characters() {
        for boundary in ["", "a\r\nb", "ü", "a ", &"a".repeat(71), "a;b"] {
            assert!(parse(b"--a--", boundary, FormLimits::default()).is_err(), "{boundary:?}");
        }
        let longest = "-".repeat(70);
        assert!(
            parse(format!("--{longest}--").as_bytes(), &longest, FormLimits::default()).is_ok()
        );
    }

    #[test]
    fn limits_are_kept() {
        let limits = FormLimits { parts_max: 2, value_bytes_max: 2, file_bytes_max: 3 };
        let field = |value: &str| format!("--xyz|{A}||{value}|");
        let file = |value: &str| format!("--xyz|{A}; filename=b||{value}|");
        let form = |parts: &[String]| form(&format!("{}--xyz--", parts.concat()), limits);
        assert!(form(&[field("12"), file("123")]).is_ok());
        let too_many = form(&[field("12"), file("123"), field("")]).unwrap_err();
        assert_eq!(too_many, (413, "the form has more than 2 fields".into()));
        assert_eq!(form(&[field("123")]).unwrap_err(), (413, "`a` has more than 2 bytes".into()));
        assert_eq!(form(&[file("1234")]).unwrap_err(), (413, "`a` has more than 3 bytes".into()));
        let head = format!("--xyz|{A}; x={}||1|", "x".repeat(9_000));
        assert_eq!(form(&[head]).unwrap_err().0, 413);
    }

    #[test]
    fn the_header_fields_of_all_parts_have_a_total() {
        // 8,192 bytes each, so 128 parts have the total.
        let part = format!("--xyz|{A}; x={}||1|", "x".repeat(HEAD_BYTES_MAX - A.len() - 4));
        let form = |count| form(&format!("{}--xyz--", part.repeat(count)), FormLimits::default());
        assert_eq!(form(128).unwrap().len(), 128);
        let text = "the form has more than 1048576 bytes of header fields";
        assert_eq!(form(129).unwrap_err(), (413, text.to_owned()));
    }
}
