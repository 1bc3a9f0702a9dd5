# SPDX-License-Identifier: ISC
"""A browser: Chromium, headless, steered by the DevTools protocol over a pipe. It lives by the clock of the wall: its own
"virtual time" goes on while a WebSocket or a timer of the page has not answered yet, and ends before them."""
import base64
import contextlib
import json
import os
import select
import subprocess
import tempfile
import time


class BrowserError(OSError):
    pass


def need(condition, why):
    if not condition:
        raise BrowserError(why)


class Chromium:
    """Its processes go with it: they are in a PID namespace."""

    def __init__(self, folder, *options):
        to_it, self.out = os.pipe()
        self.inp, from_it = os.pipe()

        def in_child():
            os.dup2(to_it, 63)
            os.dup2(from_it, 64)
            os.dup2(63, 3)
            os.dup2(64, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "chromium", "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--no-first-run",
             "--remote-debugging-pipe", f"--user-data-dir={tempfile.mkdtemp(dir=folder)}", "--window-size=1000,900", *options, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=in_child)
        os.close(to_it)
        os.close(from_it)
        self.left, self.number, self.session = b"", 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 60
        while True:
            while b"\0" not in self.left:
                need(select.select([self.inp], [], [], max(end - time.monotonic(), 0))[0], f"chromium does not answer {method}")
                more = os.read(self.inp, 1 << 20)
                need(more, "chromium ended")
                self.left += more
            line, self.left = self.left.split(b"\0", 1)
            answer = json.loads(line)
            if answer.get("id") == self.number:
                need("error" not in answer, f"{method}: {answer.get('error')}")
                return answer["result"]

    def js(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        need("exceptionDetails" not in result, f"{expression}: {result.get('exceptionDetails')}")
        return result["result"].get("value")

    def until(self, expression):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(BrowserError):   # between two pages
                if self.js(f"document.readyState == 'complete' && ({expression})"):
                    return
            time.sleep(0.05)
        raise BrowserError(f"it never is that {expression}: {self.js('document.body.innerText')[:300]!r}")

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.until(f"location.href == {json.dumps(url)}")

    def picture(self, path, width, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        with open(path, "wb") as f:
            f.write(data)
        return len(data)

    def end(self):
        os.close(self.out)
        os.close(self.inp)
        self.process.kill()     # with it go all of its namespace
        self.process.wait(20)
