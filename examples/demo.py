"""The whole product on loopback in about ten seconds: ``make demo``.

Starts control, two sidecars and two services as real processes in a throw-away directory, then shows what a
user would do, with the very commands a user would type and the time each answer took. Ends by itself; with
``--stay`` (``make run``) it leaves everything running until Ctrl-C and prints where things are.
"""

import argparse
import base64
import contextlib
import json
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

import httpx

from control.testing.processes import BIN, ProcessError, Processes, command

HERE = Path(__file__).resolve().parent
POLICY = HERE / "policy.yaml"
READY_WITHIN_S = 30.0


class DemoError(Exception):
    """A step did not do what it promises; the text says which and what was seen."""


class Narrator:
    """Numbers the steps, times them, and stops the demo when an answer is not the promised one."""

    def __init__(self) -> None:
        self.step_number = 0
        self.began = time.monotonic()
        self.colour = sys.stdout.isatty()

    def step(self, title: str) -> None:
        self.step_number += 1
        bold, plain = ("\033[1m", "\033[0m") if self.colour else ("", "")
        print(f"\n{bold}{self.step_number}. {title}{plain}", flush=True)

    def say(self, text: str, seconds: float | None = None) -> None:
        timing = f"  ({seconds * 1000:.0f} ms)" if seconds is not None else ""
        for line in text.strip().splitlines():
            print(f"   {line}{timing}", flush=True)
            timing = ""


class Demo:
    """The mesh of the demo and its operator."""

    def __init__(self, folder: Path, narrator: Narrator) -> None:
        self.folder, self.narrator = folder, narrator
        self.processes = Processes(folder)
        self.operator = {"CONTROL_TOKEN": secrets.token_urlsafe(32)}
        self.urls: dict[str, str] = {}
        self.http = httpx.Client(timeout=10, trust_env=False)

    def control(self, *arguments: str) -> str:
        """One ``control`` command, shown and timed, as the operator would type it."""
        began = time.monotonic()
        done = command(str(BIN / "control"), *arguments, env=self.operator, expect=None)
        seconds = time.monotonic() - began
        self.narrator.say("$ control " + " ".join(arguments).replace(str(self.folder) + "/", ""), seconds)
        if done.returncode != 0:
            raise DemoError(f"control {arguments[0]} said ({done.returncode}):\n{done.stdout}{done.stderr}")
        return done.stdout

    def call(self, path: str, token: str | None, expect: int, *, service: str = "web") -> httpx.Response:
        """One request through a sidecar, shown and timed; DemoError unless it answers ``expect``."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        began = time.monotonic()
        response = self.http.get(self.urls[service] + path, headers=headers)
        seconds = time.monotonic() - began
        who = "with the token" if token else "anonymous"
        said = response.json() if "json" in response.headers.get("content-type", "") else {}
        word = f" {said['reason']}" if "reason" in said else ""
        self.narrator.say(f"GET {service}{path} ({who}) -> {response.status_code}{word}", seconds)
        if response.status_code != expect:
            raise DemoError(f"expected {expect}, got {response.status_code}: {response.text[:300]}")
        return response

    def start_control(self, http: str = "127.0.0.1:0", push: str = "127.0.0.1:0") -> None:
        """Starts control, or starts it again where it was."""
        began = time.monotonic()
        ready = self.processes.start(
            "control",
            [
                *(str(BIN / "control"), "serve", "--http", http.removeprefix("http://"), "--push", push),
                *("--data", str(self.folder / "data")),
            ],
            r"control ready: http (\S+)\s+push (\S+)",
            self.operator,
        )
        self.operator["CONTROL_URL"] = ready[1]
        self.push_address = ready[2]
        self.narrator.say(f"control is up: HTTP {ready[1]}, push socket {ready[2]}", time.monotonic() - began)

    def start_service(self, name: str, **env: str) -> None:
        began = time.monotonic()
        app = self.processes.start(
            f"{name}-app",
            [sys.executable, "-u", str(HERE / name / "app.py")],
            r"listening on (\S+)",
            {"HOST": "127.0.0.1", "PORT": "0", **env},
        )
        upstream = app[1] if "//" in app[1] else f"http://{app[1]}"
        token = self.folder / f"{name}.join"
        token.touch(mode=0o600)
        token.write_text(self.control("join-token", name))
        sidecar = self.processes.start(
            f"{name}-sidecar",
            [
                *(str(BIN / "sidecar"), "run", "--service", name, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
                *("--upstream", upstream, "--control", self.push_address, "--join-token-file", str(token)),
                *("--state-dir", str(self.folder / f"{name}-state")),
            ],
            r"sidecar up: .*listen (\S+)\s+admin (\S+)",
        )
        self.urls[name] = sidecar[1]
        self.urls[f"{name} admin"] = sidecar[2]
        self.narrator.say(f"{name} and its sidecar are up at {sidecar[1]}", time.monotonic() - began)

    def wait_ready(self) -> None:
        """Until both sidecars have the policy."""
        began = time.monotonic()
        for name in ("orders", "web"):
            while self.http.get(self.urls[f"{name} admin"] + "/ready").status_code != 200:
                if time.monotonic() - began > READY_WITHIN_S:
                    raise DemoError(f"the sidecar of {name} did not become ready")
                time.sleep(0.02)  # readiness of another process is polled, as an orchestrator would
        self.narrator.say("both sidecars report ready", time.monotonic() - began)


def tightened(folder: Path) -> Path:
    """The example policy with one line changed: reading an order needs a second scope, which nobody has yet."""
    text = POLICY.read_text()
    changed = text.replace("orders:read]", "orders:read, orders:audit]", 1)
    if changed == text:
        raise DemoError("examples/policy.yaml no longer asks for orders:read")
    before_tests = changed.split("\ntests:", 1)[0] + "\n"
    path = folder / "tighter.yaml"
    path.write_text(before_tests)
    return path


def jti_of(token: str) -> str:
    """The token's id, read without checking anything: this is the token's owner looking at it."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["jti"])


def show(demo: Demo) -> str:
    """Every step. Returns the token of the app, for ``--stay``."""
    tell = demo.narrator
    tell.step("Start control, two services, and a sidecar beside each")
    demo.start_control()
    demo.start_service("orders")
    demo.start_service("web", ORDERS_URL=demo.urls["orders"])

    tell.step("Push the policy: checked, signed, in force when every sidecar has said so")
    demo.control("check", str(POLICY))
    tell.say(demo.control("push", str(POLICY), "--wait"))
    demo.wait_ready()

    tell.step("Nobody gets in without a token")
    demo.call("/shop/orders/7", None, 401)
    demo.call("/orders/7", None, 401, service="orders")

    tell.step("The built-in identity server issues one")
    app = json.loads(
        demo.control("-o", "json", "app", "add", "shop", "--scope", "orders:read", "--scope", "shop:browse")
    )
    began = time.monotonic()
    issued = demo.http.post(
        demo.operator["CONTROL_URL"] + "/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(app["client_id"], app["client_secret"]),
    )
    if issued.status_code != 200:
        raise DemoError(f"POST /oauth2/token answered {issued.status_code}: {issued.text[:300]}")
    token = str(issued.json()["access_token"])
    tell.say(f"POST /oauth2/token -> a JWT for {issued.json()['expires_in']} s", time.monotonic() - began)

    tell.step("With it, the call goes through both sidecars: caller -> web -> orders")
    answer = demo.call("/shop/orders/7", token, 200)
    tell.say(f"orders saw the caller as: {answer.text[:200]}")
    demo.call("/admin/stats", token, 403, service="orders")

    tell.step("Change the policy: one line, in force everywhere at once")
    tighter = tightened(demo.folder)
    tell.say(demo.control("diff", str(tighter)))
    tell.say(demo.control("push", str(tighter), "--wait"))
    demo.call("/orders/7", token, 403, service="orders")

    tell.step("Think better of it")
    rows = json.loads(demo.control("-o", "json", "history"))["versions"]
    first = min(row["version"] for row in rows if row["kind"] == "push")
    tell.say(demo.control("rollback", str(first), "--wait"))
    demo.call("/orders/7", token, 200, service="orders")

    tell.step("Revoke the token: refused everywhere, with a receipt")
    tell.say(demo.control("revoke", "--jti", jti_of(token), "--wait"))
    demo.call("/orders/7", token, 401, service="orders")
    demo.call("/shop/orders/7", token, 401)

    tell.step("Control dies (kill -9): nothing stops, for verifying needs nobody")
    fresh = demo.control("token", "issue", "--app", "shop").strip()
    demo.processes.kill("control")
    demo.call("/shop/orders/7", fresh, 200)
    demo.call("/shop/orders/7", token, 401)
    demo.start_control(demo.operator["CONTROL_URL"], demo.push_address)
    demo.call("/shop/orders/7", fresh, 200)
    return fresh


def stay(demo: Demo, token: str) -> None:
    """Prints where everything is and waits for Ctrl-C."""
    say = demo.narrator.say
    demo.narrator.step("Running until Ctrl-C")
    for name, url in demo.urls.items():
        say(f"{name:14} {url}")
    credential = demo.folder / "operator"
    credential.touch(mode=0o600)
    credential.write_text(demo.operator["CONTROL_TOKEN"])
    bearer = demo.folder / "token"
    bearer.touch(mode=0o600)
    bearer.write_text(token)
    say(f"{'control':14} {demo.operator['CONTROL_URL']}    # a status page; sign in with what is in {credential}")
    say("In another terminal:")
    say(f"export CONTROL_URL={demo.operator['CONTROL_URL']} CONTROL_TOKEN_FILE={credential}")
    say(f"export PATH={BIN}:$PATH    # then: control status, control push {POLICY} --wait")
    say(f'curl -H "Authorization: Bearer $(cat {bearer})" {demo.urls["web"]}/shop/orders/7')
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def main() -> int:
    """Exit code 0 when every step did what it promises, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stay", action="store_true", help="leave it running until Ctrl-C")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sidegate-demo-") as name:
        demo = Demo(Path(name), Narrator())
        try:
            token = show(demo)
            print(f"\nEverything above happened in {time.monotonic() - began:.1f} s.", flush=True)
            if options.stay:
                stay(demo, token)
        except (DemoError, ProcessError) as failed:
            print(f"\nThe demo failed: {failed}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nInterrupted.", file=sys.stderr)
            return 130
        finally:
            demo.processes.stop()
            demo.http.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
