//! The `#[route]` and `#[job]` attributes of the crate `snow-guest`, which re-exports and documents
//! them.
//!
//! `#[route(GET, r"/index/")] fn index(…)` leaves the function as it is, so that it can be called
//! and tested like any other, and puts an empty enum of the same name beside it that carries the
//! route as a constant. Functions and types have separate namespaces in Rust, so the two never
//! clash, `serve!(index)` needs no invented name, and a route that `serve!` forgot is an ordinary
//! "never used" warning.

use proc_macro::TokenStream;
use proc_macro2::{Span, TokenStream as Tokens};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, LitStr, Path, Result, ReturnType, Safety, Token};

/// Makes a function the handler of a route. See `snow_guest::route`.
#[proc_macro_attribute]
pub fn route(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let function = Tokens::from(item.clone());
    let expanded = syn::parse::<Attribute>(attribute)
        .and_then(|attribute| Ok((attribute, handler(item)?)))
        .map(|(attribute, handler)| expand(&attribute, &handler));
    match expanded {
        Ok(tokens) => tokens.into(),
        // The function stays, so that one mistake is one error and not a dozen about a missing
        // name.
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error #function).into()
        }
    }
}

/// Makes a function a job. See `snow_guest::job`.
#[proc_macro_attribute]
pub fn job(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let function = Tokens::from(item.clone());
    let expanded = match attribute.is_empty() {
        true => job_function(item).map(|function| expand_job(&function)),
        false => Err(Error::new(
            Span::call_site(),
            "`#[job]` takes nothing: the name of the function is that of the job",
        )),
    };
    match expanded {
        Ok(tokens) => tokens.into(),
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error #function).into()
        }
    }
}

/// What stands in the brackets: `GET|POST, "pattern", resume = function`.
struct Attribute {
    /// Empty for `any`.
    methods: Vec<String>,
    pattern: LitStr,
    resume: Option<Resume>,
}

/// The function that goes on: `function`, or `async function`.
struct Resume {
    asynchronous: bool,
    function: Path,
}

impl Parse for Resume {
    fn parse(input: ParseStream) -> Result<Self> {
        let asynchronous = input.parse::<Option<Token![async]>>()?.is_some();
        Ok(Self { asynchronous, function: input.parse()? })
    }
}

impl Parse for Attribute {
    fn parse(input: ParseStream) -> Result<Self> {
        if input.is_empty() {
            return Err(Error::new(
                input.span(),
                "a route needs a method and a pattern, as in `#[route(GET, r\"/index/\")]`",
            ));
        }
        let methods = methods(input)?;
        if input.is_empty() {
            return Err(Error::new(
                input.span(),
                "after the method comes the pattern, as in `r\"/index/\"`",
            ));
        }
        input.parse::<Token![,]>()?;
        let pattern = pattern(input)?;
        let mut resume = None;
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let option: Ident = input.parse()?;
            if option != "resume" {
                return Err(Error::new(
                    option.span(),
                    format!(
                        "`{option}` is no option of a route: there is only `resume = function`"
                    ),
                ));
            }
            if resume.is_some() {
                return Err(Error::new(option.span(), "a route has one `resume` at most"));
            }
            input.parse::<Token![=]>()?;
            resume = Some(input.parse()?);
        }
        Ok(Self { methods, pattern, resume })
    }
}

/// `any`, or methods in capitals with `|` between them.
fn methods(input: ParseStream) -> Result<Vec<String>> {
    let mut methods = Vec::new();
    loop {
        let method: Ident = input.parse().map_err(|error| {
            Error::new(
                error.span(),
                "expected a method such as `GET`, several as in `GET|POST`, or `any`",
            )
        })?;
        let name = method.to_string();
        if name == "any" && methods.is_empty() && !input.peek(Token![|]) {
            return Ok(methods);
        }
        if name == "any" {
            return Err(Error::new(method.span(), "`any` is every method: it stands alone"));
        }
        if name != name.to_ascii_uppercase() {
            return Err(Error::new(
                method.span(),
                format!(
                    "methods are case-sensitive: did you mean `{}`?",
                    name.to_ascii_uppercase()
                ),
            ));
        }
        if methods.contains(&name) {
            return Err(Error::new(method.span(), format!("`{name}` stands here twice")));
        }
        methods.push(name);
        if input.parse::<Option<Token![|]>>()?.is_none() {
            return Ok(methods);
        }
    }
}

fn pattern(input: ParseStream) -> Result<LitStr> {
    let pattern: LitStr = input.parse().map_err(|error| {
        Error::new(
            error.span(),
            "expected the pattern, a string literal such as `r\"/order/(\\d+)\"`",
        )
    })?;
    match regex_syntax::parse(&pattern.value()) {
        Ok(_) => Ok(pattern),
        Err(error) => Err(Error::new(
            pattern.span(),
            format!("the pattern is not a regular expression: {error}"),
        )),
    }
}

/// The function under `#[route]`, if it can be a handler.
fn handler(item: TokenStream) -> Result<ItemFn> {
    let function = with_one_argument(item, "route", "a handler", "the `Request`")?;
    if let ReturnType::Default = function.sig.output {
        return Err(Error::new(
            function.sig.ident.span(),
            "a handler returns its answer: a `Response`, a `Suspension`, a `Result` of them, or text",
        ));
    }
    Ok(function)
}

/// The function under `#[job]`, if it can be one.
fn job_function(item: TokenStream) -> Result<ItemFn> {
    with_one_argument(item, "job", "a job", "the `Job`")
}

/// The function under an attribute, if the host can call it: with one argument, and as it is.
fn with_one_argument(
    item: TokenStream,
    attribute: &str,
    what: &str,
    argument: &str,
) -> Result<ItemFn> {
    let function: ItemFn = syn::parse(item).map_err(|error| {
        Error::new(error.span(), format!("`#[{attribute}]` stands before a function: {error}"))
    })?;
    let signature = &function.sig;
    if let Safety::Unsafe(unsafety) = &signature.safety {
        return Err(Error::new(unsafety.span(), format!("{what} is not unsafe")));
    }
    if !signature.generics.params.is_empty() {
        let message = format!("{what} has no generic parameters");
        return Err(Error::new(signature.generics.span(), message));
    }
    let mut inputs = signature.inputs.iter();
    match (inputs.next(), inputs.next()) {
        (Some(FnArg::Typed(_)), None) => {}
        (Some(FnArg::Receiver(receiver)), _) => {
            let message = format!("{what} is a free function, not a method");
            return Err(Error::new(receiver.span(), message));
        }
        _ => {
            return Err(Error::new(
                signature.paren_token.span.join(),
                format!("{what} takes one argument, {argument}"),
            ));
        }
    }
    Ok(function)
}

fn expand_job(function: &ItemFn) -> Tokens {
    let text = function.sig.ident.to_string();
    let (call, result) = called(function, &quote!(snow_job));
    let done = quote_spanned!(result=> ::snow_guest::jobs::IntoJobResult::into_job_result(#call));
    let job = quote! {
        JOB: ::snow_guest::__private::Job = ::snow_guest::__private::Job {
            name: #text,
            run: |snow_job: ::snow_guest::Job| #done,
        }
    };
    with_constant(function, &job)
}

/// Returns a call of a function with this argument, and the place of what it returns. The spans make a
/// wrong type an error at the type that the author wrote, not at the attribute.
fn called(function: &ItemFn, with: &Tokens) -> (Tokens, Span) {
    let (name, argument) = (&function.sig.ident, function.sig.inputs.span());
    let result = match &function.sig.output {
        ReturnType::Type(_, kind) => kind.span(),
        ReturnType::Default => name.span(),
    };
    let call = quote_spanned!(argument=> #name(#with));
    (awaited(function.sig.asyncness.is_some(), call), result)
}

/// Returns the function, and a type of the same name that has this constant, for the table of
/// `serve!`. What is configured away takes its place in a table with it.
fn with_constant(function: &ItemFn, constant: &Tokens) -> Tokens {
    let (name, visibility) = (&function.sig.ident, &function.vis);
    let configured: Vec<_> =
        function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    quote! {
        #function

        #(#configured)*
        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #visibility enum #name {}

        #(#configured)*
        impl #name {
            #[doc(hidden)]
            #visibility const #constant;
        }
    }
}

/// Runs the future that an `async` function returned.
fn awaited(asynchronous: bool, call: Tokens) -> Tokens {
    if asynchronous { quote!(::snow_guest::__private::run(#call)) } else { call }
}

fn expand(attribute: &Attribute, function: &ItemFn) -> Tokens {
    let Attribute { methods, pattern, .. } = attribute;
    // The arguments have names that no handler has: a function `request` is called, not its argument.
    let (call, answer) = called(function, &quote!(snow_request));
    let answered = quote_spanned!(answer=> ::snow_guest::IntoOutcome::into_outcome(#call));
    let resume = match &attribute.resume {
        None => quote!(::core::option::Option::None),
        Some(Resume { asynchronous, function }) => {
            let call =
                awaited(*asynchronous, quote_spanned!(function.span()=> #function(snow_resumed)));
            let resumed = quote_spanned!(function.span()=>
                ::snow_guest::IntoOutcome::into_outcome(#call));
            quote!(::core::option::Option::Some(|snow_resumed: ::snow_guest::Resumed| #resumed))
        }
    };
    // Without `serve!` nothing would be exported and the host would refuse the file; this names the
    // cause while compiling.
    let served = quote_spanned!(Span::call_site()=> crate::serve_must_be_called_at_the_crate_root);

    let route = quote! {
        ROUTE: ::snow_guest::__private::Route = {
            let () = #served;
            ::snow_guest::__private::Route {
                methods: &[#(#methods),*],
                pattern: #pattern,
                handle: |snow_request: ::snow_guest::Request| #answered,
                resume: #resume,
            }
        }
    };
    with_constant(function, &route)
}
