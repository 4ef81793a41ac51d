//! A page in Chromium, driven by its DevTools protocol through a pair of pipes.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a page has to become as wanted.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Page {
    browser: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
}

impl Page {
    /// Opens a page.
    pub fn open(chromium: &Path, folder: &Path, url: &str) -> Self {
        // The browser talks on descriptors 3 and 4.
        let mut browser = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 >/dev/null"])
            .arg(chromium)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-color-profile=srgb",
                "--window-size=1100,1250",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", folder.join("browser").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut page = Self {
            input: browser.stdin.take().unwrap(),
            output: BufReader::new(browser.stdout.take().unwrap()),
            browser,
            session: None,
            calls: 0,
        };
        let target = page.call("Target.createTarget", json!({ "url": url }))["targetId"].clone();
        let attached = page.call(
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        );
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        page
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.input.write_all(format!("{call}\0").as_bytes()).unwrap();
        loop {
            let mut message = Vec::new();
            assert!(
                self.output.read_until(0, &mut message).unwrap() > 0,
                "the browser ended"
            );
            message.pop();
            let message: Value = serde_json::from_slice(&message).unwrap();
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// What an expression of the page's script is.
    pub fn value(&mut self, expression: &str) -> Value {
        let evaluated = self.call("Runtime.evaluate", json!({ "expression": expression }));
        evaluated["result"]["value"].clone()
    }

    /// The text of an element.
    pub fn text(&mut self, id: &str) -> String {
        let text = self.value(&format!("document.getElementById('{id}').innerText"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of an element is as wanted.
    pub fn wait(&mut self, id: &str, wanted: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            // Before the page is there, there is no element.
            let text = self.text(id);
            if text == wanted {
                return;
            }
            assert!(Instant::now() < end, "{id} is {text:?}, not {wanted:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A picture of all of it, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let data = self.call("Page.captureScreenshot", json!({ "captureBeyondViewport": true }));
        BASE64_STANDARD.decode(data["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
