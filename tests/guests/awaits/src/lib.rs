//! A guest whose handlers are `async`, and that uses crates which draw random numbers.

use futures_util::future::{self, Either};
use snow_guest::prelude::*;
use snow_guest::{println, system};

/// Awaits one key, then another, and answers with both.
#[route(GET, r"/one-after-another")]
async fn one_after_another(_: Request) -> Result<String> {
    let first = Pending::keyed("first")?.await?;
    println!("the first came");
    let second = Pending::keyed("second")?.await?;
    Ok([first, second].map(text).concat())
}

/// Awaits more at the same time than a waker of its own would be worth: each key `many`.
#[route(GET, r"/many/(\d+)")]
async fn many(request: Request) -> Result<String> {
    let waits =
        (0..number(&request)).map(|_| Ok(Pending::keyed("many")?.within(Duration::from_secs(60))));
    let came = future::try_join_all(waits.collect::<Result<Vec<_>>>()?).await?;
    Ok(format!("{}: {}", came.len(), came.into_iter().map(text).collect::<Vec<_>>().concat()))
}

/// Awaits a key and a pause, whichever comes first. The pause is dropped if the key comes, and then
/// the key is awaited again.
#[route(GET, r"/race/(\d+)")]
async fn race(request: Request) -> Result<String> {
    let pause = Duration::from_millis(number(&request));
    let key = Pending::keyed("race")?;
    let pausing = Box::pin(pending::sleep(pause));
    Ok(match future::select(key.within(Duration::from_secs(60)), pausing).await {
        Either::Left((came, _)) => format!("key {}, again {}", text(came?), text((&key).await?)),
        Either::Right((slept, _)) => slept.map(|()| "pause".to_owned())?,
    })
}

/// Awaits a key that nobody settles, for `ms` milliseconds, beside one that waits longer.
#[route(GET, r"/late/(\d+)")]
async fn late(request: Request) -> Result<String> {
    let time = Duration::from_millis(number(&request));
    let (short, long) = (Pending::create()?, Pending::create()?);
    let both = future::join(short.within(time), long.within(time + Duration::from_millis(1)));
    let (short, long) = both.await;
    Ok(format!("{:?} {:?}", short?.is_none(), long?.is_none()))
}

/// Suspends; the function that goes on is `async` too.
#[route(GET, r"/resumed", resume = async resumed)]
async fn suspends(_: Request) -> Result<Suspension> {
    Ok(Pending::keyed("first")?.suspend())
}

async fn resumed(resumed: Resumed) -> Result<String> {
    let second = Pending::keyed("second")?.await?;
    Ok(format!("{}{}", resumed.text(), text(second)))
}

/// Awaits what nobody can wake.
#[route(GET, r"/never")]
async fn never(_: Request) -> String {
    future::pending().await
}

/// Is answered with the response that came, and a field more.
#[route(GET, r"/awaits/relay", resume = relayed)]
fn relay(_: Request) -> Result<Suspension> {
    Ok(Pending::keyed("awaits-relay")?.suspend())
}

fn relayed(resumed: Resumed) -> Result<Response> {
    match resumed.settlement(0) {
        Some(Settlement::Response(came)) => Ok(came.clone().header("x-relayed", "awaits")),
        _ => Err(Error::status(504, "no answer came")),
    }
}

/// Settles what `relay` waits for with its own answer.
#[route(GET, r"/awaits/reply")]
fn reply(_: Request) -> Result<Response> {
    let answer = Response::text("a reply").status(201).header("x-of", "awaits");
    match pending::set_next("awaits-relay", answer.clone())? {
        true => Ok(answer),
        false => Err(Error::status(409, "nobody waits")),
    }
}

/// Random numbers of crates: the id, and the order of a map.
#[route(GET, r"/random")]
fn random(_: Request) -> String {
    let order: Vec<u8> = (0..16).collect::<system::HashSet<u8>>().into_iter().collect();
    format!("{} {order:?}", uuid::Uuid::new_v4())
}

#[route(any, r"/settle/(\w+)/(\w*)")]
fn settle(request: Request) -> Result<String> {
    Ok(pending::set_all(request.param(0), request.param(1))?.to_string())
}

fn number(request: &Request) -> u64 {
    request.param(0).parse().expect("the test asks for a number")
}

fn text(came: Option<Settlement>) -> String {
    came.map_or("none".to_owned(), |settlement| settlement.text().into_owned())
}

snow_guest::serve!(
    one_after_another,
    many,
    race,
    late,
    suspends,
    never,
    relay,
    reply,
    random,
    settle
);
