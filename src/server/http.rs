//! The HTTP endpoint of `metrics-port`: `/metrics`, `/healthz`, `/readyz`.
//!
//! Three fixed paths, no bodies, one scraper: `httparse` for the head and thirty lines around it do, where an HTTP stack would
//! add some fifteen crates. HTTP/1.1 with keep-alive and pipelining; GET and HEAD; a request with a body is refused and the
//! connection closed. Heads, connections and idle time are bounded.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::base::log;

const HEAD_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
const CONNECTIONS_MAX: usize = 256;
/// Longer than the usual scrape intervals, so that a scraper keeps its connection.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// How long the rest of a request's head may take.
const HEAD_MAX: Duration = Duration::from_secs(2);
/// How long to wait after a failed accept, which mostly means that there are no file descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What the endpoint answers with. Each is called on the endpoint's thread, once a request.
pub struct Answers {
    /// The Prometheus text of this moment.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Whether the process is alive: false only if it should be restarted.
    pub is_healthy: Box<dyn Fn() -> bool + Send + Sync>,
    /// Whether clients can be served now (data are loaded, not shutting down).
    pub is_ready: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Serves `listener` until the future is dropped; connections end with their runtime or after `IDLE_MAX`.
pub async fn serve(listener: TcpListener, answers: Arc<Answers>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answers = answers.clone();
                tokio::spawn(async move {
                    // A scraper that goes away is no event.
                    let _ = serve_connection(stream, &answers).await;
                    drop(permit);
                });
            }
            Err(error) => {
                log::verbose!("Metrics endpoint: accepting a connection: {error}");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// One request, as far as it matters here.
#[derive(Debug, PartialEq)]
struct Request {
    is_get: bool,
    is_head: bool,
    path: String,
    keep_alive: bool,
    has_body: bool,
    /// Bytes it took.
    length: usize,
}

struct Response {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

async fn serve_connection(mut stream: TcpStream, answers: &Arc<Answers>) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let (response, keep_alive, is_head) = match parse(&buffer) {
            Ok(None) if buffer.len() < HEAD_BYTES_MAX => {
                let patience = if buffer.is_empty() { IDLE_MAX } else { HEAD_MAX };
                match timeout(patience, stream.read_buf(&mut buffer)).await {
                    Ok(Ok(read)) if read > 0 => continue,
                    _ => return Ok(()),
                }
            }
            Ok(None) => (Response::text("431 Request Header Fields Too Large"), false, false),
            Err(_) => (Response::text("400 Bad Request"), false, false),
            Ok(Some(request)) => {
                buffer.drain(..request.length);
                let (keep_alive, is_head) = (request.keep_alive && !request.has_body, request.is_head);
                (respond_apart(request, answers.clone()).await, keep_alive, is_head)
            }
        };
        timeout(IDLE_MAX, stream.write_all(&response.to_bytes(keep_alive, is_head))).await??;
        if !keep_alive {
            return stream.shutdown().await;
        }
    }
}

/// The first request of `buffer`, or `None` while its head is incomplete.
fn parse(buffer: &[u8]) -> Result<Option<Request>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(buffer)? else { return Ok(None) };
    let is_latest = head.version == Some(1);
    let header = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let connection = header("connection").map(|header| header.value.to_ascii_lowercase());
    let has_body = header("transfer-encoding").is_some()
        || header("content-length").is_some_and(|header| header.value.trim_ascii() != b"0");
    Ok(Some(Request {
        is_get: head.method == Some("GET"),
        is_head: head.method == Some("HEAD"),
        path: head.path.unwrap_or_default().split('?').next().unwrap_or_default().to_owned(),
        keep_alive: match connection.as_deref() {
            Some(b"close") => false,
            Some(b"keep-alive") => true,
            _ => is_latest,
        },
        has_body,
        length,
    }))
}

/// Answers where nobody else waits: the figures take a while, and a script may hold some of them up.
async fn respond_apart(request: Request, answers: Arc<Answers>) -> Response {
    let response = tokio::task::spawn_blocking(move || respond(&request, &answers)).await;
    response.unwrap_or_else(|_| Response::text("500 Internal Server Error"))
}

fn respond(request: &Request, answers: &Answers) -> Response {
    if request.has_body {
        return Response::text("413 Content Too Large");
    }
    if !request.is_get && !request.is_head {
        return Response::text("405 Method Not Allowed");
    }
    let state = |good: bool| Response::text(if good { "200 OK" } else { "503 Service Unavailable" });
    match request.path.as_str() {
        "/metrics" => Response {
            status: "200 OK",
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            body: (answers.metrics)(),
        },
        "/healthz" => state((answers.is_healthy)()),
        "/readyz" => state((answers.is_ready)()),
        _ => Response::text("404 Not Found"),
    }
}

impl Response {
    /// A response whose body says what its status says.
    fn text(status: &'static str) -> Response {
        let (_, body) = status.split_once(' ').unwrap_or_default();
        Response { status, content_type: "text/plain; charset=utf-8", body: format!("{body}\n") }
    }

    fn to_bytes(&self, keep_alive: bool, is_head: bool) -> Vec<u8> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            self.status,
            self.content_type,
            self.body.len(),
        );
        let body = if is_head { "" } else { self.body.as_str() };
        [head.as_bytes(), body.as_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;

    /// Sends `request` to a server and returns all it answers until it closes.
    async fn exchange(request: &str, is_ready: bool) -> String {
        let ready = Arc::new(AtomicBool::new(is_ready));
        let answers = Answers {
            metrics: Box::new(|| "redis_up 1\n".to_owned()),
            is_healthy: Box::new(|| true),
            is_ready: Box::new(move || ready.load(Relaxed)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Arc::new(answers)));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        // A server that has refused may reset the connection under what it did not read.
        let _ = stream.read_to_string(&mut response).await;
        server.abort();
        response
    }

    fn check(request: &str, is_ready: bool, expected: &[&str]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let response = runtime.block_on(exchange(request, is_ready));
        let shown: Vec<_> = response.split("HTTP/1.1 ").skip(1).collect();
        assert_eq!(shown.len(), expected.len(), "{response}");
        for (response, expected) in shown.iter().zip(expected) {
            let (status, body) = expected.split_once('|').unwrap();
            assert!(
                response.starts_with(status) && response.ends_with(&format!("\r\n\r\n{body}")),
                "{response}"
            );
        }
    }

    #[test]
    fn paths_are_answered() {
        const CLOSE: &str = "HTTP/1.1\r\nConnection: close\r\n\r\n";
        check(&format!("GET /metrics {CLOSE}"), true, &["200 OK|redis_up 1\n"]);
        check(&format!("GET /metrics?x=1 {CLOSE}"), true, &["200 OK|redis_up 1\n"]);
        check(&format!("GET /healthz {CLOSE}"), false, &["200 OK|OK\n"]);
        check(&format!("GET /readyz {CLOSE}"), true, &["200 OK|OK\n"]);
        check(&format!("GET /readyz {CLOSE}"), false, &["503 Service Unavailable|Service Unavailable\n"]);
        check(&format!("GET / {CLOSE}"), true, &["404 Not Found|Not Found\n"]);
        check(&format!("HEAD /metrics {CLOSE}"), true, &["200 OK|"]);
        check(&format!("POST /metrics {CLOSE}"), true, &["405 Method Not Allowed|Method Not Allowed\n"]);
    }

    #[test]
    fn connections_are_kept_where_http_says_so() {
        let three = "GET /healthz HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n";
        check(three, true, &["200 OK|OK\n", "404 Not Found|Not Found\n", "200 OK|OK\n"]);
        let old = "GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n";
        check(old, true, &["200 OK|OK\n", "200 OK|OK\n"]);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        check("PING\r\n\r\n", true, &["400 Bad Request|Bad Request\n"]);
        check("*1\r\n$4\r\nPING\r\n", true, &["400 Bad Request|Bad Request\n"]);
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(HEAD_BYTES_MAX));
        check(&long, true, &["431 Request Header Fields Too Large|Request Header Fields Too Large\n"]);
        let body = "GET /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        check(body, true, &["413 Content Too Large|Content Too Large\n"]);
    }
}
