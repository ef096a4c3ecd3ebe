//! The records and variants of `wit/snow.wit`. They are owned when they are lifted out of a guest,
//! and borrowed when they are lowered into one, so that the bytes of a request are copied once.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Lower, Resource};

use snow_core::Refusal as HostRefusal;
use snow_runtime::{
    Cause as HostCause, GuestRequest, Join as HostJoin, Settlement as HostSettlement,
};

/// The host's side of the resource `pending`. A representation stands for one of the call's
/// handles.
pub struct Pending;

/// `http.field`, out of a guest.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub struct Field {
    name: String,
    value: Vec<u8>,
}

/// `http.response`, out of a guest.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub struct Response {
    status: u16,
    headers: Vec<Field>,
    body: Vec<u8>,
}

/// `http.field`, into a guest.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub struct FieldRef<'a> {
    name: &'a str,
    value: &'a [u8],
}

/// `http.param`, into a guest.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub struct ParamRef<'a> {
    name: Option<&'a str>,
    value: &'a str,
}

/// `http.request`, into a guest.
#[derive(ComponentType, Lower)]
#[component(record)]
pub struct RequestRef<'a> {
    id: &'a str,
    client: &'a str,
    scheme: &'a str,
    authority: &'a str,
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    params: Vec<ParamRef<'a>>,
    headers: Vec<FieldRef<'a>>,
    body: &'a [u8],
}

/// `http.response`, into a guest.
#[derive(ComponentType, Lower)]
#[component(record)]
pub struct ResponseRef<'a> {
    status: u16,
    headers: Vec<FieldRef<'a>>,
    body: &'a [u8],
}

/// `pending-handles.failure`, out of a guest.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

/// `job-runner.job`, into a guest.
#[derive(ComponentType, Lower)]
#[component(record)]
pub struct JobRef<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub payload: &'a [u8],
    pub attempt: u32,
    #[component(name = "attempts-max")]
    pub attempts_max: u32,
    #[component(name = "due-ms")]
    pub due_ms: u64,
}

/// `pending-handles.failure`, into a guest.
#[derive(ComponentType, Lower)]
#[component(record)]
pub struct FailureRef<'a> {
    code: &'a str,
    message: &'a str,
}

/// `pending-handles.settlement`, out of a guest, and as a copy into one that has waited in place:
/// what an imported function returns can't be borrowed.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub enum Settlement {
    /// Bytes.
    #[component(name = "value")]
    Value(Arc<[u8]>),
    /// A whole response.
    #[component(name = "response")]
    Response(Response),
    /// A failure.
    #[component(name = "failed")]
    Failed(Failure),
}

/// `pending-handles.settlement`, into a guest.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub enum SettlementRef<'a> {
    /// Bytes.
    #[component(name = "value")]
    Value(&'a [u8]),
    /// A whole response.
    #[component(name = "response")]
    Response(ResponseRef<'a>),
    /// A failure.
    #[component(name = "failed")]
    Failed(FailureRef<'a>),
}

/// `pending-handles.join`, out of a guest.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub enum Join {
    /// The wait is over when every pending is settled.
    #[component(name = "all")]
    All,
    /// The wait is over when the first pending is settled.
    #[component(name = "any")]
    Any,
}

/// `pending-handles.refusal`, into a guest.
#[derive(ComponentType, Lower, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub enum Refusal {
    /// There is no such pending.
    #[component(name = "unknown")]
    Unknown,
    /// The pending was settled before.
    #[component(name = "already-settled")]
    AlreadySettled,
    /// The guest may not do that.
    #[component(name = "denied")]
    Denied,
    /// A limit is reached.
    #[component(name = "limit")]
    Limit,
}

/// `pending-handles.cause`, into a guest.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub enum Cause {
    /// The join of the suspension came true.
    #[component(name = "settled")]
    Settled,
    /// The deadline passed.
    #[component(name = "deadline")]
    Deadline,
}

/// `pending-handles.suspension`, out of a guest.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Suspension {
    /// The pendings that the request waits for. The host owns them from now on.
    pub handles: Vec<Resource<Pending>>,
    /// How many of them end the wait.
    pub until: Join,
    /// The deadline, if it is not the host's default.
    #[component(name = "timeout-ms")]
    pub timeout_ms: Option<u32>,
    /// The answer at the deadline, if `resume` is not called.
    #[component(name = "on-timeout")]
    pub on_timeout: Option<Response>,
    /// Whether `resume` is to be called when the wait is over.
    pub resume: bool,
    /// Whether `resume` gets the request again.
    #[component(name = "keep-request")]
    pub keep_request: bool,
    /// Bytes for `resume`.
    pub state: Vec<u8>,
}

/// `pending-handles.outcome`, out of a guest.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub enum Outcome {
    /// The request is answered.
    #[component(name = "respond")]
    Respond(Response),
    /// The request waits.
    #[component(name = "suspend")]
    Suspend(Suspension),
}

/// `pending-handles.arrival`, into a guest.
#[derive(ComponentType, Lower)]
#[component(record)]
pub struct ArrivalRef<'a> {
    /// The pending. The guest owns it from now on.
    pub handle: Resource<Pending>,
    /// The settlement, if the pending is settled.
    pub settlement: Option<SettlementRef<'a>>,
}

/// `handler.route`, out of a guest.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Route {
    methods: Vec<String>,
    pattern: String,
}

/// `logging.level`, out of a guest.
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// The finest details.
    #[component(name = "trace")]
    Trace,
    /// Lines for developers.
    #[component(name = "debug")]
    Debug,
    /// Lines for deployers.
    #[component(name = "info")]
    Info,
    /// Something unexpected.
    #[component(name = "warn")]
    Warn,
    /// A failure.
    #[component(name = "error")]
    Error,
}

impl<'a> RequestRef<'a> {
    /// Borrows a request as its guest sees it. `client` is the client's address as text.
    pub fn new(id: &'a str, client: &'a str, request: &'a GuestRequest) -> RequestRef<'a> {
        let head = &request.request.head;
        let params = request.params.iter();
        RequestRef {
            id,
            client,
            scheme: "http",
            authority: head.authority(),
            method: head.method(),
            path: request.path(),
            query: head.query(),
            params: params
                .map(|param| ParamRef { name: param.name.as_deref(), value: &param.value })
                .collect(),
            headers: head.guest_fields().map(|(name, value)| FieldRef { name, value }).collect(),
            body: &request.request.body,
        }
    }
}

/// The failure that a guest would get in the place of an answer whose content goes to a client.
const RELAYED: (&str, &str) = ("reset", "the answer was for the client alone");

impl<'a> SettlementRef<'a> {
    /// Borrows a settlement as a resumed guest sees it.
    pub fn new(settlement: &'a HostSettlement) -> SettlementRef<'a> {
        match settlement {
            HostSettlement::Value(bytes) => SettlementRef::Value(bytes),
            HostSettlement::Response(response) => SettlementRef::Response(ResponseRef {
                status: response.status,
                headers: response
                    .headers
                    .iter()
                    .map(|f| FieldRef { name: &f.name, value: &f.value })
                    .collect(),
                body: &response.body,
            }),
            HostSettlement::Failed { code, message } => {
                SettlementRef::Failed(FailureRef { code, message })
            }
            HostSettlement::Relayed(_) => {
                SettlementRef::Failed(FailureRef { code: RELAYED.0, message: RELAYED.1 })
            }
        }
    }
}

impl From<Field> for snow_http::Field {
    fn from(Field { name, value }: Field) -> Self {
        snow_http::Field { name, value }
    }
}

impl From<Response> for snow_http::Response {
    fn from(response: Response) -> Self {
        let headers = response.headers.into_iter().map(Into::into).collect();
        snow_http::Response { status: response.status, headers, body: response.body }
    }
}

impl From<Settlement> for HostSettlement {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Value(bytes) => HostSettlement::Value(bytes),
            Settlement::Response(response) => HostSettlement::Response(response.into()),
            Settlement::Failed(Failure { code, message }) => {
                HostSettlement::Failed { code, message }
            }
        }
    }
}

impl From<&HostSettlement> for Settlement {
    fn from(settlement: &HostSettlement) -> Self {
        let field = |field: &snow_http::Field| Field {
            name: field.name.clone(),
            value: field.value.clone(),
        };
        match settlement {
            HostSettlement::Value(bytes) => Settlement::Value(bytes.clone()),
            HostSettlement::Response(response) => Settlement::Response(Response {
                status: response.status,
                headers: response.headers.iter().map(field).collect(),
                body: response.body.clone(),
            }),
            HostSettlement::Failed { code, message } => {
                Settlement::Failed(Failure { code: code.clone(), message: message.clone() })
            }
            HostSettlement::Relayed(_) => {
                let (code, message) = RELAYED;
                Settlement::Failed(Failure { code: code.into(), message: message.into() })
            }
        }
    }
}

impl From<Join> for HostJoin {
    fn from(join: Join) -> Self {
        match join {
            Join::All => HostJoin::All,
            Join::Any => HostJoin::Any,
        }
    }
}

impl From<HostCause> for Cause {
    fn from(cause: HostCause) -> Self {
        match cause {
            HostCause::Settled => Cause::Settled,
            HostCause::Deadline => Cause::Deadline,
        }
    }
}

impl From<HostRefusal> for Refusal {
    fn from(refusal: HostRefusal) -> Self {
        match refusal {
            HostRefusal::Unknown => Refusal::Unknown,
            HostRefusal::AlreadySettled => Refusal::AlreadySettled,
            HostRefusal::Denied => Refusal::Denied,
            HostRefusal::Limit => Refusal::Limit,
        }
    }
}

impl From<Route> for snow_runtime::Route {
    fn from(route: Route) -> Self {
        snow_runtime::Route { methods: route.methods, pattern: route.pattern }
    }
}

impl From<Level> for snow_runtime::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => snow_runtime::Level::Trace,
            Level::Debug => snow_runtime::Level::Debug,
            Level::Info => snow_runtime::Level::Info,
            Level::Warn => snow_runtime::Level::Warn,
            Level::Error => snow_runtime::Level::Error,
        }
    }
}
