//! A model that says what a test wants, on loopback, in the three forms that agent programs ask for: Anthropic's
//! messages, OpenAI's responses and chat completions.
//!
//! Its rule: a request that offers tools and holds no result of one yet is answered by one call of a shell; any other by
//! text. It says 1,234 tokens in and 56 out for each request.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// What the model answers.
#[derive(Debug, Clone)]
pub(crate) enum Model {
    /// Runs a command by its shell, then says so.
    Runs(&'static str),
    /// Only text.
    Says(&'static str),
    /// Refuses with this status.
    Refuses(u16),
}

/// A running server; its thread ends with the test's process.
pub(crate) struct ModelServer {
    pub(crate) url: String,
    seen: Arc<Mutex<Seen>>,
}

/// What programs sent.
#[derive(Default)]
struct Seen {
    /// The bodies of requests for an answer.
    requests: Vec<Value>,
    /// Their keys.
    keys: Vec<String>,
}

impl ModelServer {
    pub(crate) fn start(model: Model) -> ModelServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let all = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (model, seen) = (model.clone(), Arc::clone(&all));
                // A program that hangs up in the middle is no matter of the test.
                thread::spawn(move || serve(stream, &model, &seen).unwrap_or_default());
            }
        });
        ModelServer { url, seen }
    }

    /// The bodies of all requests for an answer.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// The keys that these requests came with.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.seen.lock().unwrap().keys.clone()
    }
}

/// Serves one connection until it ends.
fn serve(stream: TcpStream, model: &Model, seen: &Mutex<Seen>) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default().to_owned());
        let method = method.to_owned();
        let (mut length, mut chunked, mut key) = (0, false, String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if let Some((name, value)) = header.split_once(':')
                && ["authorization", "x-api-key"].contains(&&*name.to_ascii_lowercase())
            {
                key = value.trim().trim_start_matches("Bearer ").to_owned();
            }
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            chunked |= header.starts_with("transfer-encoding:") && header.ends_with("chunked");
        }
        let body = if chunked { read_chunks(&mut reader)? } else { read_exactly(&mut reader, length)? };
        let path = path.split('?').next().unwrap_or_default();
        let (status, kind, text) = match method.as_str() {
            "POST" => {
                let request: Value = serde_json::from_slice(&body).unwrap_or_default();
                let mut seen = seen.lock().unwrap();
                seen.requests.push(request.clone());
                seen.keys.push(key);
                answer(model, path, &request)
            }
            _ => (200, "application/json", json!({"object": "list", "data": [{"id": "m1"}]}).to_string()),
        };
        let text = if method == "HEAD" { String::new() } else { text };
        let length = text.len();
        write!(
            writer,
            "HTTP/1.1 {status} Answer\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{text}"
        )?;
    }
}

fn read_exactly(reader: &mut impl std::io::Read, length: usize) -> std::io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        body.extend(read_exactly(reader, size)?);
        reader.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn answer(model: &Model, path: &str, request: &Value) -> (u16, &'static str, String) {
    if let Model::Refuses(status) = model {
        let error =
            json!({"type": "error", "error": {"type": "authentication_error", "message": "invalid key"}});
        return (*status, "application/json", error.to_string());
    }
    if path.ends_with("count_tokens") {
        return (200, "application/json", json!({"input_tokens": 10}).to_string());
    }
    let text = request.to_string();
    let offered = request["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let has_result = ["\"tool_result\"", "\"function_call_output\"", "\"role\":\"tool\""]
        .iter()
        .any(|mark| text.contains(mark));
    let (command, words) = match model {
        Model::Runs(command) if offered && !has_result => (Some(*command), "Done."),
        Model::Runs(_) | Model::Refuses(_) => (None, "Done."),
        Model::Says(words) => (None, *words),
    };
    let events = match path {
        path if path.ends_with("/messages") => messages(request, command, words),
        path if path.ends_with("/responses") => responses(request, command, words),
        path if path.ends_with("/chat/completions") => completions(command, words),
        _ => return (404, "application/json", "{}".to_owned()),
    };
    (200, "text/event-stream", events)
}

fn named(events: &[Value]) -> String {
    let line = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(line).collect()
}

fn messages(request: &Value, command: Option<&str>, words: &str) -> String {
    let (block, delta, stop) = match command {
        Some(command) => {
            let input = json!({"command": command, "description": "work"}).to_string();
            (
                json!({"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}),
                json!({"type": "input_json_delta", "partial_json": input}),
                "tool_use",
            )
        }
        None => {
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": words}), "end_turn")
        }
    };
    let usage = json!({"input_tokens": 1234, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
        "output_tokens": 1});
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"],
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage});
    named(&[
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
            "usage": {"output_tokens": 56}}),
        json!({"type": "message_stop"}),
    ])
}

fn responses(request: &Value, command: Option<&str>, words: &str) -> String {
    let has =
        |name: &str| request["tools"].as_array().is_some_and(|all| all.iter().any(|it| it["name"] == name));
    let (shell, argument) = if has("exec_command") { ("exec_command", "cmd") } else { ("bash", "command") };
    let item = match command {
        Some(command) => {
            json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": shell,
            "arguments": json!({argument: command}).to_string()})
        }
        None => json!({"type": "message", "id": "m_1", "role": "assistant",
            "content": [{"type": "output_text", "text": words}]}),
    };
    let usage = json!({"input_tokens": 1234, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 56,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1290});
    named(&[
        json!({"type": "response.created", "response": {"id": "r1"}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": {"id": "r1", "status": "completed", "usage": usage}}),
    ])
}

fn completions(command: Option<&str>, words: &str) -> String {
    let (delta, finish) = match command {
        Some(command) => {
            let function = json!({"name": "bash", "arguments": json!({"command": command}).to_string()});
            let call = json!({"index": 0, "id": "c1", "type": "function", "function": function});
            (json!({"role": "assistant", "tool_calls": [call]}), "tool_calls")
        }
        None => (json!({"role": "assistant", "content": words}), "stop"),
    };
    let chunk = |choices: Value, usage: Value| {
        json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m1", "choices": choices,
            "usage": usage})
    };
    let usage = json!({"prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290});
    let chunks = [
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null),
        chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish}]), Value::Null),
        chunk(json!([]), usage),
    ];
    let lines: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    format!("{lines}data: [DONE]\n\n")
}
